"""The commands for people and scripts: what a node is and did, from any shell; docs/command-line.md.

None imports anything heavy before it runs.
"""

# Each command and the module that holds it.
COMMANDS = {
    "status": "status",
    "jobs": "jobs",
    "job": "jobs",
    "log": "log",
    "events": "events",
    "market": "market",
    "transactions": "money",
    "rewards": "money",
    "pause": "steering",
    "resume": "steering",
    "finish": "steering",
    "claim": "deciding",
    "decline": "deciding",
    "appeal": "appealing",
    "withdraw": "deciding",
    "stop": "steering",
    "settings": "settings",
    "themes": "about",
    "keys": "about",
    "completion": "about",
    "version": "about",
}
