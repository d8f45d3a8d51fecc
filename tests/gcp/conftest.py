"""The backend on this machine's Google Cloud, each test in a project of its own."""

from collections.abc import Iterator

import pytest

from shared.config import Settings
from shared.gcp import GoogleCloud
from shared.gcp.firestore import Documents
from tests.gcp import emulator
from tests.gcp.cloud import backend, project, settings


@pytest.fixture
def cloud_settings() -> Settings:
    return settings(project())


@pytest.fixture
def cloud(cloud_settings: Settings) -> Iterator[GoogleCloud]:
    if why := emulator.missing():
        pytest.skip(why)
    with backend(cloud_settings) as made:
        yield made


@pytest.fixture
def store(cloud: GoogleCloud) -> Documents:
    return cloud.documents
