"""Lists come in pages: `page_size` and `page_token` in, `next_page_token` out."""

from typing import Annotated

from msgspec import Meta, Struct

PageSize = Annotated[int, Meta(ge=1, le=200)]


class PageQuery(Struct, forbid_unknown_fields=True):
    page_size: PageSize = 50
    page_token: str = ""
    """`next_page_token` of the page before; "" starts."""
