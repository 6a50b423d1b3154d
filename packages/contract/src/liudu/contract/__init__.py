"""What a solution declares and how it is spoken to: the contract ``liudu.trial/1``."""

from liudu.contract._reason import Reason
from liudu.contract._refusal import Language, Refusal

CONTRACT = "liudu.trial/1"

__all__ = ["CONTRACT", "Language", "Reason", "Refusal"]
