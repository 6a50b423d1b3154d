"""What was done at an organisation, in the words of its members."""

from collections.abc import Mapping
from typing import Final

from liudu.platform.words import Words

DEEDS: Final[Mapping[str, Words]] = {
    "identity.organisation.founded": Words("创建单位", "founded the organisation"),
    "identity.organisation.edited": Words("修改单位信息", "edited the organisation"),
    "identity.organisation.confirmed": Words("核实信用代码", "confirmed the credit code"),
    "identity.member.added": Words("添加成员", "added a member"),
    "identity.member.invited": Words("邀请成员", "invited a member"),
    "identity.member.joined": Words("加入单位", "joined"),
    "identity.member.left": Words("退出单位", "left"),
    "identity.member.removed": Words("移出成员", "removed a member"),
    "identity.member.roles_set": Words("修改成员角色", "changed a member’s roles"),
    "identity.invitation.withdrawn": Words("撤回邀请", "withdrew an invitation"),
    "identity.token.made": Words("生成接口令牌", "made an API token"),
    "identity.token.revoked": Words("停用接口令牌", "revoked an API token"),
}


def deed_said(verb: str) -> Words:
    """Return what a line of the audit tells, in both languages; the verb where nobody named it."""
    return DEEDS.get(verb, Words(verb, verb))
