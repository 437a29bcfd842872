# The curl lines of fossapay.txt, as they stand and in its order. The test that runs them puts in the places of
# https://api-production.fossapay.com, YOUR_API_KEY and the ids, which the server hands out, what is meant by them here.

# create_a_customer: 201
curl -X POST https://api-production.fossapay.com/api/v1/customers \
-H "x-api-key: YOUR_API_KEY" \
-H "Content-Type: application/json" \
-d '{
"name": "John Doe",
"email": "john.doe@example.com",
"phone": "+1234567890",
"metadata": {
"source": "api"
}
}'

# get_all_customers: 200
curl -X GET https://api-production.fossapay.com/api/v1/customers \
-H "x-api-key: YOUR_API_KEY"

# get_a_customer: 200
curl -X GET https://api-production.fossapay.com/api/v1/customers/cust_123456789 \
-H "x-api-key: YOUR_API_KEY"

# create_a_crypto_wallet: 201
curl -X POST https://api-production.fossapay.com/v1/wallets/crypto/create \
-H "x-api-key: YOUR_API_KEY" \
-H "Content-Type: application/json" \
-d '{
"network": "solana",
"customerId": "550e8400-e29b-41d4-a716-446655440000"
}'

# get_a_crypto_wallet_by_id: 200
curl -X GET https://api-production.fossapay.com/v1/wallets/crypto/user:u3d \
-H "x-api-key: YOUR_API_KEY"

# get_a_crypto_wallet_by_address: 200
curl -X GET https://api-production.fossapay.com/v1/wallets/crypto/address/YcnysYh3Y***PxkazFyiTx76Upv12iP4sNGeHA2H4z2 \
-H "x-api-key: YOUR_API_KEY"

# get_transactions_of_a_crypto_wallet: 200
curl -X GET "https://api-production.fossapay.com/v1/wallets/crypto/user:u3d/transactions?page=1&limit=10" \
-H "x-api-key: YOUR_API_KEY"

# get_a_single_transaction: 200
curl -X GET https://api-production.fossapay.com/v1/wallets/crypto/transactions/85503565-cb04-4ba7-abfb-b75193553086 \
-H "x-api-key: YOUR_API_KEY"
