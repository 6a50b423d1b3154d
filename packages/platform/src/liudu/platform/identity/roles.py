"""What roles are called."""

from collections.abc import Iterable
from typing import Final

from liudu.platform.actors import Role
from liudu.platform.words import Words

ROLE_NAMES: Final = {
    Role.MEMBER: Words("成员", "Member"),
    Role.NEED_OWNER: Words("需求方", "Need owner"),
    Role.VENDOR: Words("供方", "Vendor"),
    Role.OFFICER: Words("场景办", "Scenario officer"),
    Role.OPERATOR: Words("平台运营", "Operator"),
    Role.AUDITOR: Words("审计", "Auditor"),
}
ROLE_HINTS: Final = {
    Role.MEMBER: Words("查看本单位的页面", "sees the organisation's pages"),
    Role.NEED_OWNER: Words(
        "发布需求、封存数据、准入与启动试验", "posts needs, seals data, admits and starts trials"
    ),
    Role.VENDOR: Words(
        "维护方案、上传版本、应标并查看试验", "keeps solutions, uploads versions, makes offers"
    ),
    Role.OFFICER: Words(
        "看全部需求、邀请供方、发布试验结论", "sees every need, invites vendors, releases verdicts"
    ),
    Role.OPERATOR: Words(
        "管理单位、成员与运行，看不到封存数据",
        "looks after organisations, members and workers, never sees sealed data",
    ),
    Role.AUDITOR: Words(
        "查阅审计与结论，不能改动", "reads the audit and every verdict, changes nothing"
    ),
}


def roles_said(roles: Iterable[Role | str]) -> Words:
    """Return roles as a list in words."""
    wanted = {Role(role) for role in roles}
    names = [name for role, name in ROLE_NAMES.items() if role in wanted]
    return Words("、".join(each.zh for each in names), ", ".join(each.en for each in names))
