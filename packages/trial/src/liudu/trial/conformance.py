"""The vendor's own trial: the contract's kit, through the very runner of a sealed trial."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import cycle, islice
from pathlib import Path

import attrs

from liudu.contract import (
    Bundle,
    Item,
    Manifest,
    Problem,
    Reason,
    Task,
    bundle_digest,
    kit,
    missing_needs,
    open_bundle,
)
from liudu.sandbox import Level, Limits, Slot, best_level, claim_slot
from liudu.trial.progress import Progress, Silence
from liudu.trial.runtime import require_fit, runtime_of
from liudu.trial.serve_batch import serve_batch
from liudu.trial.serve_stream import serve_stream
from liudu.trial.serving import Clock, Isolation, Served, Terms
from liudu.trial.staging import open_to_others

WALL_S = 120.0
ITEM_TIMEOUT_S = 10.0  # six pictures of 64 pixels; whoever needs longer waits for something


@attrs.frozen(kw_only=True)
class TaskFindings:
    """What the kit found for one task."""

    task: Task
    findings: tuple[kit.Finding, ...]
    stderr: str

    @property
    def conforms(self) -> bool:
        """Whether nothing failed; warnings do not count."""
        return not any(finding.state == "failed" for finding in self.findings)


@attrs.frozen(kw_only=True)
class Conformance:
    """What the kit found.

    Attributes
    ----------
    level
        The sandbox level that it was tried at.
    missing
        Packages of ``runtime.needs`` that are not there; nothing was run then.
    tasks
        One entry for each task that was tried.

    """

    manifest: Manifest
    digest: str
    level: Level
    missing: tuple[Problem, ...] = ()
    tasks: tuple[TaskFindings, ...] = ()

    @property
    def conforms(self) -> bool:
        """Whether the solution passes the kit."""
        return not self.missing and all(task.conforms for task in self.tasks)


def check_solution(
    solution: Path,
    *,
    clock: Clock,
    tasks: tuple[Task, ...] = (),
    level: Level | None = None,
    progress: Progress | None = None,
) -> Conformance:
    """Hold a solution to the contract by running it on the kit's samples.

    Parameters
    ----------
    solution
        A folder, a ``.zip`` or a ``.tar.gz``.
    clock
        The clocks that the runner measures with.
    tasks
        What to try it on; by default what its manifest names.
    level
        The sandbox level; by default the strongest that this machine gives.
    progress
        Who looks on.

    Raises
    ------
    liudu.contract.BundleError, liudu.contract.ManifestError
        The solution cannot even be opened.
    liudu.trial.runtime.WrongTaskError, NoGpuError, TooFewCpusError
        Its manifest asks for what this machine has not, or it does not do the task.
    liudu.trial.serving.InfraError
        This machine failed, not the solution.

    """
    level = best_level() if level is None else level
    with _workplace() as place:
        bundle = open_bundle(solution, into=place / "app")
        open_to_others(place / "app")
        facts = {"manifest": bundle.manifest, "digest": bundle.digest, "level": level}
        if missing := missing_needs(bundle.manifest):
            return Conformance(**facts, missing=missing)  # type: ignore[arg-type]
        for task in tasks or bundle.manifest.tasks:
            require_fit(bundle.manifest, task=task, mode=bundle.manifest.mode)
        with claim_slot() as slot:
            runner = _Runner(
                bundle=bundle,
                place=place,
                clock=clock,
                isolation=_isolation(bundle.manifest, level=level, slot=slot),
                progress=progress or Silence(),
            )
            found = tuple(runner.find(task) for task in tasks or bundle.manifest.tasks)
        return Conformance(**facts, tasks=found)  # type: ignore[arg-type]


@contextmanager
def _workplace() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="liudu-check-") as folder:
        place = Path(folder)
        place.chmod(0o755)  # the slot's uid walks through it
        yield place


def _isolation(manifest: Manifest, *, level: Level, slot: Slot) -> Isolation:
    return Isolation(
        level=level,
        slot=slot,
        limits=Limits(memory_mib=manifest.resources.memory_mib, wall_s=WALL_S),
        runtime=runtime_of(manifest),
    )


@attrs.frozen(kw_only=True)
class _Runner:
    bundle: Bundle
    place: Path
    clock: Clock
    isolation: Isolation
    progress: Progress

    def find(self, task: Task) -> TaskFindings:
        """Run every sample of a task; the others only if the plain one ends well."""
        shown = {sample.name: sample for sample in kit.samples(task)}
        runs: dict[kit.SampleName, kit.Ran] = {}
        with self.progress.stage(
            zh=f"检查 {task}", en=f"Checking {task}", total=len(shown)
        ) as advance:
            for name, sample in shown.items():
                runs[name] = self.run(sample)
                advance(1)
                if runs[kit.SampleName.PLAIN].reason is not Reason.OK:
                    break
        findings = kit.judge_runs(runs, manifest=self.bundle.manifest, shown=shown)
        return TaskFindings(task=task, findings=findings, stderr=runs[kit.SampleName.PLAIN].stderr)

    def run(self, sample: kit.Sample) -> kit.Ran:
        """Run the solution on one sample."""
        pieces = self.place / f"pieces-{sample.task}-{sample.name}"
        _write(sample.files, into=pieces)
        served = self._serve(sample, pieces=pieces)
        outcome = served.outcome
        return kit.Ran(
            reason=served.reason,
            why=served.why,
            predictions=served.predictions,
            startup_s=served.startup_s,
            memory_peak_mib=outcome.memory_peak_mib,
            exit_code=outcome.exit_code,
            stderr=outcome.stderr.decode("utf-8", "replace"),
            app_changed=bundle_digest(self.bundle.folder) != self.bundle.digest,
            network_blocked=self.isolation.level >= Level.BWRAP,
        )

    def _serve(self, sample: kit.Sample, *, pieces: Path) -> Served:
        manifest, into = self.bundle.manifest, self.place / "serving"
        terms = Terms(
            task=sample.task,
            mode=manifest.mode,
            classes=sample.classes,
            positive=sample.positive,
            item_count=len(sample.items),
            item_timeout_s=ITEM_TIMEOUT_S,
        )
        if manifest.mode == "batch":
            return serve_batch(
                self.bundle,
                items=sample.items,
                pieces=pieces,
                terms=terms,
                into=into,
                isolation=self.isolation,
                clock=self.clock,
            )
        return serve_stream(
            self.bundle,
            items=sample.items,
            warmup=_warmup(sample, count=manifest.warmup.items),
            pieces=pieces,
            terms=terms,
            into=into,
            isolation=self.isolation,
            clock=self.clock,
        )


def _write(files: Mapping[str, bytes], *, into: Path) -> None:
    into.mkdir()
    for name, data in files.items():
        path = into / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
        path.chmod(0o644)
    open_to_others(into)


def _warmup(sample: kit.Sample, *, count: int) -> tuple[Item, ...]:
    numbered = enumerate(islice(cycle(sample.items), count))
    return tuple(attrs.evolve(item, id=f"warmup-{number}") for number, item in numbered)
