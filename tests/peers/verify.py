"""Verifies webhooks with standardwebhooks, the library that its authors publish (WH-1).

Each line of input is JSON: a secret, headers and a body. Each line of output says whether the library takes it.
"""

import json
import sys

from standardwebhooks.webhooks import Webhook

for line in sys.stdin:
    asked = json.loads(line)
    try:
        Webhook(asked["secret"]).verify(asked["body"], asked["headers"])
        print("taken")
    except Exception:
        print("refused")
