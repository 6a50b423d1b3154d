"""A small city in which something of everything has happened, made by the services alone.

Run as a program in a home of its own: ``LIUDU_HOME=… python world.py``. It prints, as JSON, what
the routes need: keys, codes and who may see them. One trial really runs here, another really
fails.
"""

import io
import json
import os
import sys
import zipfile
from datetime import date, timedelta
from pathlib import Path

ROOT = Path(__file__).parents[4]
PASSWORD = "six degrees of a city"  # noqa: S105 - of people who live in a test
SOLUTION = ROOT / "examples" / "solutions" / "python-batch"
PIECES = 200
TARGETS = {
    "task": "classify",
    "positive": "defective",
    "mode": "batch",
    "level": "process",
    "line": {"pieces_per_h": 1200, "positive_share": 0.02},
    "targets": [
        {"metric": "miss_rate", "op": "<", "limit": 0.1, "confidence": 0.95},
        {"metric": "overkill_rate", "op": "<=", "limit": 0.1, "confidence": 0.95},
        {"metric": "throughput_per_h", "op": ">=", "limit": 600},
    ],
}
LONG_ZH = "面向高反光曲面手机中框与摄像头装饰圈的微划伤、异色与崩边缺陷在线视觉检测及自动分拣需求"
LONG_EN = (
    "Inline visual inspection and sorting of micro-scratches, discolouration and chipped edges on "
    "highly reflective curved phone frames"
)
DUE = {
    "first_claim_paid": "是",
    "degree": "博士",
    "insured_this_quarter": "是",
    "owns_home": "否",
    "civil_servant": "否",
    "works_in_ai_or_quantum": "是",
    "months_paid": "6",
    "rent_paid": "9000",
}
NAMES = {
    "owner": "周明",
    "vendor": "林舒",
    "opc": "陈灯",
    "officer": "沈宁",
    "auditor": "吴静",
    "operator": "顾远",
}
PEOPLE = {  # each with an organisation, its kind and the roles in it
    "owner": ("明州光电科技有限公司", "company", ["member", "need_owner"]),
    "vendor": ("六角智能视觉（苏州）有限公司", "company", ["member", "vendor"]),
    "opc": ("一灯视觉工作室", "opc", ["member", "vendor"]),
    "officer": ("苏州市人工智能场景办公室", "bureau", ["member", "officer"]),
    "auditor": ("苏州市数据审计中心", "bureau", ["member", "auditor"]),
    "operator": ("六度平台运营中心", "operator", ["member", "operator", "officer"]),
}


def main():
    """Build the city and print what is in it."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "liudu.platform.settings"
    import django  # noqa: PLC0415 - after the settings are named

    django.setup()
    from django.core.management import call_command  # noqa: PLC0415

    call_command("migrate", verbosity=0)
    sys.stdout.write(json.dumps(build(), ensure_ascii=False) + "\n")


def build():
    """Return the keys of a city that was just built."""
    from liudu.platform import clock  # noqa: PLC0415 - after setup, here and below
    from liudu.platform.actors import SYSTEM  # noqa: PLC0415
    from liudu.platform.city.services import load_city  # noqa: PLC0415

    at = clock.now()
    load_city(by=SYSTEM, at=at, folder=ROOT / "cities" / "suzhou")
    actors, organisations = people(at=at)
    keys = {
        "organisation": organisations["owner"].key,
        "vendor": organisations["vendor"].key,
        "owner_key": actors["owner"].key,
        "password": PASSWORD,
    }
    keys |= places()
    keys |= needs(at=at, by=actors["owner"], owner=organisations["owner"])
    keys |= lists(at=at, by=actors["officer"])
    keys |= solutions(at=at, actors=actors, organisations=organisations)
    keys |= trials(at=at, actors=actors, keys=keys)
    keys |= letters(at=at, actors=actors, organisations=organisations)
    return keys | funding(at=at, by=actors["officer"])


def people(*, at):
    """Return an actor and an organisation for each kind of user."""
    from liudu.platform.actors import SYSTEM  # noqa: PLC0415
    from liudu.platform.identity.queries import actor_of  # noqa: PLC0415
    from liudu.platform.identity.services.organisations import found_organisation  # noqa: PLC0415
    from liudu.platform.identity.services.people import create_user  # noqa: PLC0415

    actors, organisations = {}, {}
    for name, (organisation, kind, roles) in PEOPLE.items():
        user = create_user(
            by=SYSTEM, at=at, email=f"{name}@example.com", password=PASSWORD, name=NAMES[name]
        )
        organisations[name] = found_organisation(
            by=SYSTEM, at=at, name=organisation, kind=kind, user=user, roles=roles
        )
        actors[name] = actor_of(user)
    create_user(by=SYSTEM, at=at, email="new@example.com", password=PASSWORD, name="new")
    return actors, organisations


def places():
    """Return the codes of a district, of a sector and of what the city's sources say."""
    from liudu.platform.city import models  # noqa: PLC0415

    district = models.District.objects.first()
    sector = models.Sector.objects.exclude(number=0).first()
    return {
        "district": district.code,
        "sector": sector.code,
        "source": models.Source.objects.order_by("code").first().code,
        "fact": models.Fact.objects.order_by("code").first().code,
        "item": models.PublishedItem.objects.order_by("code").first().code,
    }


def needs(*, at, by, owner):
    """Return the keys of needs at every stage that only their owner decides on."""
    from liudu.platform.needs import services  # noqa: PLC0415

    def draft(title, title_en, **more):
        fields = {
            "title": title,
            "title_en": title_en,
            "problem": "人工目检每班漏掉三四块坏板，返修与投诉成本高；夜班尤甚，且难以追溯。",
            "problem_en": "Three or four bad boards slip through every shift; nights are worse.",
            "data_at_hand": "两年的检测图像，约 40 万张，已标注 6000 张。",
            "wanted_capability": "在线判定良品与不良品，给出位置与置信度。",
            "sector": "manufacturing",
            "district": "sip",
            "targets": TARGETS,
            "budget_fen_max": 80_000_000,
            "due_date": date.fromordinal(at.date().toordinal() + 120),
            **more,
        }
        return services.draft_need(by=by, at=at, owner=owner, **fields)

    def publish(need, *, hours_ago=0):
        return services.publish_need(by=by, at=at - timedelta(hours=hours_ago), need_key=need.key)

    proven = publish(draft("贴片焊点漏检太多", "Too many solder joints missed"), hours_ago=3)
    open_need = publish(draft(LONG_ZH, LONG_EN), hours_ago=2)
    waiting = publish(draft("河道漂浮物与乱堆乱放识别", "Spot floating waste on canals"))
    gone = publish(draft("仓库叉车盲区预警", "Warn of forklifts in blind corners"))
    services.withdraw_need(by=by, at=at, need_key=gone.key, reason="今年的预算另有安排。")
    unfinished = draft("晶圆边缘缺口识别", "Notches on wafer edges", targets={}, due_date=None)
    return {
        "proven_need": proven.key,
        "need": open_need.key,
        "waiting_need": waiting.key,
        "withdrawn_need": gone.key,
        "draft": unfinished.key,
    }


def lists(*, at, by):
    """Return the key of a bureau's list that was read, with good and bad rows."""
    from openpyxl import Workbook  # noqa: PLC0415

    from liudu.platform.needs.imports import receive_list  # noqa: PLC0415

    book, packed = Workbook(), io.BytesIO()
    book.active.append(["需求名称", "行业", "需求单位", "所需能力", "预算"])
    book.active.append(["注塑件飞边识别", "制造", "明州光电科技有限公司", "在线判定", "60万元"])
    book.active.append(["", "制造", "", "没有名称的一行", "一百"])
    book.active.append(["古籍残页缀合", "没有这个行业", "", "缀合建议", "=1+1"])
    book.save(packed)
    run = receive_list(
        by=by, at=at, file_name="场景需求清单.xlsx", chunks=[packed.getvalue()], for_others=True
    )
    return {"import_run": run.key}


def solutions(*, at, actors, organisations):
    """Return the keys of a good and of a useless solution, checked by a worker."""
    from liudu.platform.supply import services  # noqa: PLC0415
    from liudu.platform.trials.work import run_worker  # noqa: PLC0415

    keys = {}
    for who, name, name_en, ending in (
        ("vendor", "焊点明察", "Solder Sight", b""),
        ("opc", "一灯质检", "One Lamp", b"\nDARK = 2  # answers ok to everything\n"),
    ):
        vendor = services.register_vendor(
            by=actors[who],
            at=at,
            organisation=organisations[who],
            about="十年产线视觉经验，算法与光源一起交付。",
            about_en="Ten years of inspection on lines; optics and algorithms together.",
        )
        solution = services.add_solution(
            by=actors[who],
            at=at,
            vendor=vendor,
            name=name,
            name_en=name_en,
            about="一张图、一次判断、一个理由：在普通工控机上运行，不联网。",
            about_en="One picture, one answer, one reason; runs offline on a plain computer.",
        )
        version = services.upload_version(
            by=actors[who],
            at=at,
            solution=solution,
            file_name=f"{who}.zip",
            chunks=[bundle(ending)],
        )
        prefix = "" if who == "vendor" else f"{who}_"
        keys |= {f"{prefix}solution": solution.key, f"{prefix}version": version.key}
    run_worker(once=True)
    return keys


def bundle(ending):
    """Return the example solution as a zip, with a changed rule where one is given."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path in sorted(SOLUTION.iterdir()):
            content = path.read_bytes()
            if path.name == "main.py":
                content = content.replace(b"\ninputs, output", ending + b"\ninputs, output")
            archive.writestr(path.name, content)
    return packed.getvalue()


def boards():
    """Return dark and bright pictures with their labels, as an owner would zip them."""
    packed = io.BytesIO()
    rows = ["file,label"]
    with zipfile.ZipFile(packed, "w") as archive:
        for number in range(PIECES):
            level = 30 + number % 40 if number % 2 else 180 - number % 30
            pixels = bytes(level + step for step in range(64))
            archive.writestr(f"data/{number:03}.pgm", b"P5 8 8 255\n" + pixels)
            dark = sum(pixels) / 64 < 127.5
            rows.append(f"{number:03}.pgm,{'defective' if dark else 'ok'}")
        archive.writestr("labels.csv", "\n".join(rows) + "\n")
    packed.seek(0)
    return packed


def trials(*, at, actors, keys):
    """Return the keys of a passed and of a failed trial, both run by a worker, and of offers."""
    from liudu.platform.needs.models import Need  # noqa: PLC0415
    from liudu.platform.supply import services as supply  # noqa: PLC0415
    from liudu.platform.supply.models import Certificate, Vendor, Version  # noqa: PLC0415
    from liudu.platform.trials import services  # noqa: PLC0415
    from liudu.platform.trials.work import run_worker  # noqa: PLC0415

    need = Need.objects.get(key=keys["proven_need"])
    by = actors["owner"]
    services.seal_data(by=by, at=at, need=need, stream=boards(), simulated=True)
    run_worker(once=True)
    offers = {}
    for who, name in (("vendor", "version"), ("opc", "opc_version")):
        version = Version.objects.get(key=keys[name])
        offers[who] = supply.offer_version(
            by=actors[who], at=at, need=need, version=version, note="愿意现场调试。"
        )
    begun = {who: services.start_trial(by=by, at=at, offer=offer) for who, offer in offers.items()}
    run_worker(once=True)
    for trial in begun.values():
        trial.refresh_from_db()
        services.release_trial(by=actors["officer"], at=at, trial=trial)
    certificate = Certificate.objects.get(trial_key=begun["vendor"].key)
    supply.show_certificate(by=actors["vendor"], at=at, certificate=certificate, public=True)
    other = supply.offer_version(
        by=actors["vendor"],
        at=at,
        need=Need.objects.get(key=keys["need"]),
        version=Version.objects.get(key=keys["version"]),
        note="两周内可到厂演示。",
    )
    supply.invite_vendor(
        by=actors["officer"],
        at=at,
        need=Need.objects.get(key=keys["waiting_need"]),
        vendor=Vendor.objects.get(organisation__key=keys["vendor"]),
        message="这项需求与贵司的方案接近，请看一看。",
    )
    return {
        "trial": begun["vendor"].key,
        "failed_trial": begun["opc"].key,
        "certificate": certificate.key,
        "offer": other.key,
    }


def funding(*, at, by):
    """Return the keys of a policy, of a delivery to a graduate, and of what came of it."""
    from liudu.platform import clock  # noqa: PLC0415
    from liudu.platform.funding import queries, services  # noqa: PLC0415
    from liudu.platform.identity.models import User  # noqa: PLC0415

    services.load_policies(by=by, at=at, folder=ROOT / "cities" / "suzhou" / "policies")
    services.simulate_subjects(by=by, at=at, kind="person", count=60)
    graduate, paid = (
        services.subject_for_user(at=at, user=User.objects.get(email=f"{one}@example.com"))
        for one in ("new", "opc")
    )
    for subject in (graduate, paid):
        for name, text in DUE.items():
            services.enter_fact(by=by, at=at, subject=subject, name=name, text=text)
    on = clock.today()
    version = queries.version_of("suzhou-graduate-rent", on=on)
    batch = services.open_batch(
        by=by, at=at, version=version, rule="rent-renewal", on=on, sample_share=0.0
    )
    batch = services.match_batch(by=by, at=at, batch=batch)
    batch = services.notify_batch(by=by, at=at, batch=batch)
    batch = services.publish_batch(by=by, at=at, batch=batch)
    services.confirm_account(
        by=by,
        at=at,
        grant=batch.grants.get(subject=paid),
        holder="甲",
        bank="苏州银行",
        number="6222000011112222",
    )
    services.order_payments(by=by, at=at, batch=batch)
    export = services.export_orders(by=by, at=at)
    taken = services.import_facts(
        by=by,
        at=at,
        file_name="在苏企业.csv",
        content="subject,name\n91320594MA1MA1MA1X,明州光电\n".encode(),
        kind="enterprise",
        bureau="苏州市工业和信息化局",
    )
    grant = batch.grants.get(subject=graduate)
    return {
        "fact_import": taken.key,
        "policy": version.code,
        "delivery": batch.key,
        "export": export.key,
        "grant": grant.key,
        "determination": grant.determination.key,
    }


def letters(*, at, actors, organisations):
    """Return the secret of an open invitation."""
    from liudu.platform.actors import Role  # noqa: PLC0415
    from liudu.platform.identity.services import members  # noqa: PLC0415

    _, secret = members.invite_member(
        by=actors["owner"],
        at=at,
        organisation=organisations["owner"],
        email="new@example.com",
        roles=[Role.MEMBER],
    )
    return {"invitation": secret}


if __name__ == "__main__":
    sys.exit(main())
