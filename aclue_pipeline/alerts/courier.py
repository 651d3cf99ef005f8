"""A process of its own that hands one message to one address: what a chat's client prints, logs, throws or waits for stays in it.
Reads JSON from stdin; its exit code is 0 where the message arrived, 3 where no such address is understood."""

import json
import sys

import apprise


def main() -> int:
    order = json.load(sys.stdin)
    asset = apprise.AppriseAsset(app_id="aclue", app_desc="aclue", storage_mode=apprise.PersistentStoreMode.MEMORY)
    address = apprise.Apprise.instantiate(order["url"], asset=asset)
    if not isinstance(address, apprise.NotifyBase):
        return 3
    if "overflow=" not in order["url"]:
        address.overflow_mode = apprise.OverflowMode.SPLIT  # a chat with little room takes it in pieces
    sender = apprise.Apprise(asset=asset)
    sender.add(address)
    arrived = sender.notify(
        body=order["body"],
        title=order["title"],
        notify_type=apprise.NotifyType(order["type"]),
        body_format=apprise.NotifyFormat.TEXT,
    )
    return 0 if arrived else 1


if __name__ == "__main__":
    sys.exit(main())
