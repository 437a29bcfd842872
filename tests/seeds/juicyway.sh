# juicyway.txt has lost its curl line; the first of these is made from its table of fields, and the others go through its
# typical flow. The test that runs them puts in the places of https://api.spendjuice.com, YOUR_API_KEY and the ids, which
# the server hands out, what is meant by them here.

# create_a_customer: 201
curl -X POST https://api.spendjuice.com/customers \
-H "Authorization: Bearer YOUR_API_KEY" \
-H "Content-Type: application/json" \
-d '{
"first_name": "Ada",
"last_name": "Obi",
"email": "ada.obi@example.com",
"phone": "+2348012345678",
"type": "individual",
"billing_address": {
"line1": "1 Broad Street",
"line2": "Floor 2",
"city": "Lagos",
"state": "Lagos",
"zip_code": "101221",
"country": "NG"
}
}'

# get_a_customer: 200
curl https://api.spendjuice.com/customers/CUSTOMER_ID \
-H "Authorization: YOUR_API_KEY"

# list_customers: 200
curl "https://api.spendjuice.com/customers?limit=10&email=ada.obi@example.com" \
-H "Authorization: YOUR_API_KEY"

# update_a_customer: 200
curl -X PATCH https://api.spendjuice.com/customers/CUSTOMER_ID \
-H "Authorization: YOUR_API_KEY" \
-H "Content-Type: application/json" \
-d '{ "billing_address": { "line1": "2 Broad Street" } }'

# create_a_wallet: 201
curl -X POST https://api.spendjuice.com/wallets \
-H "Authorization: Bearer YOUR_API_KEY" \
-H "Content-Type: application/json" \
-d '{ "currency": "NGN", "customer_id": "CUSTOMER_ID" }'

# get_a_wallet: 200
curl https://api.spendjuice.com/wallets/WALLET_ID \
-H "Authorization: Bearer YOUR_API_KEY"

# add_a_payment_method: 200
curl -X POST https://api.spendjuice.com/wallets/WALLET_ID/payment-method \
-H "Authorization: Bearer YOUR_API_KEY" \
-H "Content-Type: application/json" \
-d '{ "type": "bank_account", "account_name": "Ada Obi", "account_number": "0123456789", "bank_name": "A Bank", "bank_code": "035" }'

# list_transactions: 200
curl "https://api.spendjuice.com/wallets/transactions?wallet_id=WALLET_ID&type=credit" \
-H "Authorization: YOUR_API_KEY"

# get_a_transaction: 200
curl https://api.spendjuice.com/wallets/transactions/TRANSACTION_ID \
-H "Authorization: YOUR_API_KEY"

# set_the_status_of_a_wallet: 200
curl -X PATCH https://api.spendjuice.com/wallets/WALLET_ID/status \
-H "Authorization: Bearer YOUR_API_KEY" \
-H "Content-Type: application/json" \
-d '{ "status": "frozen", "reason": "Suspicious activity detected" }'

# delete_a_customer: 204
curl -X DELETE https://api.spendjuice.com/customers/CUSTOMER_ID \
-H "Authorization: YOUR_API_KEY"
