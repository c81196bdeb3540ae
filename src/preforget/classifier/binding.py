"""Between an engine in memory and its model folder: what is written of it, and whether a folder fits it."""

from __future__ import annotations

from preforget.backbones.outputs import same_probe
from preforget.classifier.labels import TEXT, fits
from preforget.core.errors import BackboneError, IntegrityError, StoreError, UsageError
from preforget.core.keep import Keep, single_shares
from preforget.core.version import __version__
from preforget.engines.base import Engine
from preforget.store.folder import ModelFolder
from preforget.store.manifest import Manifest


def manifest_of(engine: Engine, keep: float, sealed: bool, label_kind: str = TEXT) -> Manifest:
    """Return the manifest of a new folder for an engine, without its records.

    `label_kind`: what the names of classes stand for.
    """
    bank = engine.bank
    return Manifest(
        engine=engine.name,
        guarantee=engine.guarantee.value,
        options=engine.config.as_dict(),
        backbone=engine.encoder.describe(),
        keep=float(keep),
        keeps={i: share for label, share in single_shares(keep).items() for i in bank.ids(label)},
        label_kind=label_kind,
        detached=sorted(i for label in bank.labels if bank.is_detached(label) for i in bank.ids(label)),
        version=__version__,
        sealed=sealed,
    )


def keep_in(manifest: Manifest, engine: Engine) -> Keep:
    """Return the shares that a manifest sets, by the names of the classes whose records it names."""
    of_ids, bank = manifest.keeps, engine.bank
    single = {label: [of_ids[i] for i in bank.ids(label) if i in of_ids] for label in bank.labels}
    return Keep(manifest.keep, {label: shares[0] for label, shares in single.items() if shares})


def load_records(engine: Engine, folder: ModelFolder, backbone: str | None) -> None:
    """Fill an empty engine with the records of a folder.

    `backbone`: where the checkpoint was found, if not where the manifest says. Raises `BackboneError` for another
    backbone, `IntegrityError` for a manifest that is not the engine's, `StoreError` for records that don't fit.
    """
    manifest, wanted = folder.manifest, folder.manifest.backbone
    named = {*manifest.options, *engine.options_type.older.get(manifest.format, {})}
    if (manifest.guarantee, named) != (engine.guarantee.value, set(engine.config.as_dict())):
        raise IntegrityError(
            f"the manifest of {folder.path} is damaged: its options are not those of its engine"
        )
    actual = engine.encoder.describe()
    for what in ("architecture", "digest", "mean", "std", "steps"):
        if actual.get(what) != wanted.get(what):
            raise BackboneError(
                f"{folder.path} was learned on another backbone than {backbone or wanted['id']!r}: {what} differs; "
                "give the right one with backbone= or --backbone"
            )
    if not same_probe(actual.get("probe", ()), wanted.get("probe", ())):
        raise BackboneError(
            f"{folder.path} was learned on another function than the one given as backbone: outputs on the probe differ"
        )
    try:
        engine.restore(folder.records(), folder.shared())
    except UsageError as error:
        raise StoreError(f"the records of {folder.path} don't fit its engine: {error}") from error
    for label in engine.bank.labels:
        if not fits(label, manifest.label_kind):
            raise IntegrityError(f"{folder.path} is damaged: its classes are not named as its manifest says")
        if set(engine.bank.ids(label)) & set(manifest.detached):
            engine.bank.detach(label)
