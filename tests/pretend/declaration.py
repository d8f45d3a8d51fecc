"""What there is to set for Pretend Mail."""

from typing import Annotated

from msgspec import Meta

from shared.config import Count, Group, Secret, Url
from shared.domain.mailboxes import Capability
from shared.ports.declarations import Declaration, SignIn, Use, Variable


class PretendSettings(Group, frozen=True, kw_only=True):
    pretend_key: Annotated[str, Meta(description="who we are at Pretend")] = ""
    pretend_key_secret: Secret = ""
    pretend_url: Annotated[Url, Meta(description="its servers")] = "https://mail.pretend.example"
    pretend_page: Annotated[Count, Meta(description="mails of one page")] = 50


DECLARATION = Declaration(
    name="pretend",
    title="Pretend Mail",
    settings=PretendSettings,
    client=("PRETEND_KEY", "PRETEND_KEY_SECRET"),
    uses={
        Use.TOKENS: ("PRETEND_KEY", "PRETEND_KEY_SECRET", "PRETEND_URL"),
        Use.MAIL: ("PRETEND_URL", "PRETEND_PAGE"),
    },
    scopes=("mail",),
    capabilities={Capability.READ: ("mail",), Capability.SEND: ("mail",)},
    sign_in=SignIn.PASSWORD,
    variables={"key": Variable("PRETEND_KEY", pattern="^key-", must="must start with key-")},
    apis=("pretendmail",),
)
