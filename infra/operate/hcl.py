"""Terraform's language, as far as its files are read here."""

from pathlib import Path
from typing import Any

from shared.domain.errors import ConfigurationError


def read(path: Path) -> dict[str, Any]:
    """Attributes by name; of each kind of block a list, a label being the key of what is inside it.

    Raises ConfigurationError for what is no HCL.
    """
    import hcl2
    from lark.exceptions import UnexpectedInput

    options = hcl2.SerializationOptions(with_comments=False, strip_string_quotes=True)
    try:
        values: dict[str, Any] = hcl2.loads(path.read_text(), serialization_options=options)
    except UnexpectedInput as error:
        raise ConfigurationError(f"{path.name}: {str(error).splitlines()[0]}") from error
    return values
