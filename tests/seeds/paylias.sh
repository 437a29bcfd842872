# The curl lines of paylias.txt, as they stand. Whoever is deleted resolves no more, so that is asked before.
# The test that runs them puts in the places of https://production.oysterapi.net, the ids of X-Org-ID and X-Partner-ID,
# and <api_key>, what is meant by them here.

# create_a_customer: 200
curl --location 'https://production.oysterapi.net/csp/api/v1/csp/customer' \
--header 'X-Org-ID: org_ct239n420or249k5bo90' \
--header 'X-Partner-ID: part_ct23b6420or249k5boag' \
--header 'X-Sfpy-Api-Key: <api_key>' \
--data '{
"first_name": "Ziyad",
"middle_name": "",
"last_name": "Parekh",
"nick_name": "ziyad",
"payment_address": "ziyadparekh@safepay-platinum",
"status": "ENABLED"
}'

# update_a_customer: 200
curl --location --request PATCH 'https://production.oysterapi.net/csp/api/v1/csp/customer/ziyadparekh@safepay-platinum' \
--header 'X-Org-ID: org_ct239n420or249k5bo90' \
--header 'X-Partner-ID: part_ct23b6420or249k5boag' \
--header 'X-Sfpy-Api-Key: <api_key>' \
--data '{
"first_name": "Ziyad",
"middle_name": "Zubair",
"last_name": "Parekh",
"nick_name": "ziyadparekh",
"status": "ENABLED"
}'

# retrieve_a_customer: 200
curl --location 'https://production.oysterapi.net/csp/api/v1/csp/customer/ziyadparekh@safepay-platinum' \
--header 'X-Org-ID: org_ct239n420or249k5bo90' \
--header 'X-Partner-ID: part_ct23b6420or249k5boag' \
--header 'X-Sfpy-Api-Key: <api_key>'

# find_customers: 200
curl --location 'https://production.oysterapi.net/csp/api/v1/csp/customer?payment_addresses=ziyadparekh%40safepay-platinum&limit=10&page=1&status=ENABLED' \
--header 'X-Org-ID: org_ct239n420or249k5bo90' \
--header 'X-Partner-ID: part_ct23b6420or249k5boag' \
--header 'X-Sfpy-Api-Key: <api_key>'

# resolve_a_customer: 200
curl --location 'https://production.oysterapi.net/csp/api/v1/csp/customer/ziyadparekh@safepay-platinum/resolve' \
--header 'X-Org-ID: org_ct239n420or249k5bo90' \
--header 'X-Partner-ID: part_ct23b6420or249k5boag' \
--header 'X-Sfpy-Api-Key: <api_key>'

# delete_a_customer: 200
curl --location --request DELETE 'https://production.oysterapi.net/csp/api/v1/csp/customer/ziyadparekh@safepay-platinum' \
--header 'X-Org-ID: org_ct239n420or249k5bo90' \
--header 'X-Partner-ID: part_ct23b6420or249k5boag' \
--header 'X-Sfpy-Api-Key: <api_key>'
