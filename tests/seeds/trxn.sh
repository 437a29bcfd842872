# The curl lines of trxn.txt, as they stand; what deletes is asked last. The test that runs them puts in the places of
# https://api.gettrxn.com, of the ids, which the server hands out, and of the emails, which the copy has masked, what is
# meant by them here. $TRXN_TOKEN is the key.

# create_a_customer: 201
curl -X POST https://api.gettrxn.com/v1/customers \
-H "Authorization: Bearer $TRXN_TOKEN" \
-H "Content-Type: application/json" \
-d '{
"email": "[email protected]",
"first_name": "New",
"last_name": "Customer"
}'

# get_a_customer: 200
curl https://api.gettrxn.com/v1/customers/cust_abc123def456 \
-H "Authorization: Bearer $TRXN_TOKEN"

# list_customers: 200
curl https://api.gettrxn.com/v1/customers \
-H "Authorization: Bearer $TRXN_TOKEN"

# update_a_customer: 200
curl -X PATCH https://api.gettrxn.com/v1/customers/cust_abc123def456 \
-H "Authorization: Bearer $TRXN_TOKEN" \
-H "Content-Type: application/json" \
-d '{
"email": "[email protected]",
"first_name": "Updated"
}'

# integrate_a_customer: 201
curl -X POST https://api.gettrxn.com/v1/customers \
-H "Authorization: Bearer $TRXN_TOKEN" \
-H "Content-Type: application/json" \
-d '{"email": "[email protected]", "first_name": "John", "last_name": "Doe"}'

# integrate_a_claim_link: 201
curl -X POST https://api.gettrxn.com/v1/payment_claim_links \
-H "Authorization: Bearer $TRXN_TOKEN" \
-H "Content-Type: application/json" \
-d '{"customer_id": "cust_abc123def456"}'

# delete_a_customer: 204
curl -X DELETE https://api.gettrxn.com/v1/customers/cust_abc123def456 \
-H "Authorization: Bearer $TRXN_TOKEN"
