import pytest
from tests.contracts.test_document_store import *
from tests.contracts.test_queries import *
from shared.domain import ids
from shared.gcp.firestore import Documents
from shared.gcp.clients import Clients
from shared.config import Settings
class C:
    def __init__(self, c): self.documents=Documents(c.firestore, "p"+ids.random()[:10])
@pytest.fixture(scope="session")
def clients():
    c=Clients(Settings(firestore_emulator_host="127.0.0.1:18085"))
    yield c
    c.close()
@pytest.fixture
def candidate(clients):
    return C(clients)
