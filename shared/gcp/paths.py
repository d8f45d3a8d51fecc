"""The store's paths as Firestore's resource names."""

from msgspec import Struct


class Database(Struct, frozen=True):
    name: str
    """projects/…/databases/…"""

    @property
    def root(self) -> str:
        return f"{self.name}/documents"

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """What Google's own clients send along, for requests to be routed by."""
        return (("google-cloud-resource-prefix", self.name),)

    def document(self, path: str) -> str:
        """ValueError if `path` is no document's."""
        segments = path.split("/")
        if len(segments) % 2 or not set(segments).isdisjoint({"", ".", ".."}):
            raise ValueError(f"{path!r} is no document's path")
        return f"{self.root}/{path}"

    def collection(self, path: str, *, group: bool) -> tuple[str, str]:
        """What it lies in, and its id. ValueError if `path` is no collection's."""
        segments = path.split("/")
        if "" in segments or len(segments) % 2 == 0 or (group and len(segments) != 1):
            raise ValueError(f"{path!r} is no collection")
        return "/".join([self.root, *segments[:-1]]), segments[-1]

    def path(self, name: str) -> str:
        return name.removeprefix(f"{self.root}/")
