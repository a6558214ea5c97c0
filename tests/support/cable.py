"""Two networks with a cable between them that can be cut; needs root."""

import os
import subprocess

import pytest

NOBODY = "02:00:00:00:00:99"


class Cable:
    """Within the `with` block, `launchers[n]` runs a command in the network of `addresses[n]`."""

    addresses = ("10.98.0.1", "10.98.0.2")

    def __enter__(self):
        self.names = [f"tfresnet-{os.getpid()}-{number}" for number in (0, 1)]
        self.launchers = [("ip", "netns", "exec", name) for name in self.names]
        try:
            for name in self.names:
                ip("netns", "add", name)
        except (OSError, subprocess.CalledProcessError):
            pytest.skip("network namespaces need root")
        one, other = self.names
        ip("-n", one, "link", "add", "cable", "type", "veth", "peer", "cable", "netns", other)
        for name, address in zip(self.names, self.addresses, strict=True):
            ip("-n", name, "address", "add", f"{address}/24", "dev", "cable")
            for device in ("lo", "cable"):
                ip("-n", name, "link", "set", device, "up")
        return self

    def __exit__(self, *_):
        for name in self.names:
            ip("netns", "delete", name)

    def cut(self):
        """Nothing arrives any more, and no connection is told."""
        for name, other in zip(self.names, reversed(self.addresses), strict=True):
            ip("-n", name, "neigh", "replace", other, "lladdr", NOBODY, "dev", "cable")


def ip(*arguments):
    subprocess.run(["ip", *arguments], check=True, capture_output=True)
