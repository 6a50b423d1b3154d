"""What cases prove: a certificate beside the targets that its trial measured."""

from collections.abc import Sequence

import attrs

from liudu.platform.supply.models import Certificate
from liudu.platform.trials.models import Trial
from liudu.platform.web import charts


@attrs.frozen(kw_only=True)
class Proof:
    """One case as a card shows it.

    Attributes
    ----------
    targets
        What was measured, in the order of the promise.
    simulated
        Whether the data were made by a program: then the card says so.

    """

    certificate: Certificate
    targets: Sequence[charts.Measured] = ()
    simulated: bool = False


def proofs_of(certificates: Sequence[Certificate]) -> list[Proof]:
    """Return the cases of certificates, in their order, with one question for all trials."""
    keys = [each.trial_key for each in certificates]
    tried = Trial.objects.filter(key__in=keys, released_at__isnull=False)
    trials = {each.key: each for each in tried.select_related("seal")}
    return [_proof(each, trials.get(each.trial_key)) for each in certificates]


def _proof(certificate: Certificate, trial: Trial | None) -> Proof:
    if trial is None:
        return Proof(certificate=certificate, simulated=certificate.need.simulated)
    return Proof(
        certificate=certificate,
        targets=[charts.measured(target) for target in trial.result.get("targets", [])],
        simulated=certificate.need.simulated or trial.seal.simulated,
    )
