# noderails.txt has lost its curl lines; these say what its methods do, at the paths of its vendor's reference.
# The test that runs them puts in the places of https://api.noderails.com, YOUR_API_KEY and the ids, which the server
# hands out, what is meant by them here.

# create: 201
curl -X POST https://api.noderails.com/customers \
-H "x-api-key: YOUR_API_KEY" \
-H "Content-Type: application/json" \
-d '{
"appId": "YOUR_APP_ID",
"email": "bob@example.com",
"name": "Bob",
"externalId": "user-42",
"address": "1 Main Street",
"city": "Springfield",
"state": "IL",
"country": "US",
"postalCode": "62701",
"metadata": { "plan": "enterprise" }
}'

# add_wallet: 201
curl -X POST https://api.noderails.com/customers/CUSTOMER_ID/wallets \
-H "x-api-key: YOUR_API_KEY" \
-H "Content-Type: application/json" \
-d '{ "walletAddress": "0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045", "chainId": 1 }'

# retrieve: 200
curl https://api.noderails.com/customers/CUSTOMER_ID \
-H "x-api-key: YOUR_API_KEY"

# update: 200
curl -X PUT https://api.noderails.com/customers/CUSTOMER_ID \
-H "x-api-key: YOUR_API_KEY" \
-H "Content-Type: application/json" \
-d '{ "name": "Robert", "metadata": { "plan": "pro" } }'

# list: 200
curl "https://api.noderails.com/customers?page=1&pageSize=50" \
-H "x-api-key: YOUR_API_KEY"

# remove_wallet: 204
curl -X DELETE https://api.noderails.com/customers/CUSTOMER_ID/wallets/WALLET_ID \
-H "x-api-key: YOUR_API_KEY"
