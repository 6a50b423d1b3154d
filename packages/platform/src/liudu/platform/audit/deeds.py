"""What each line of the audit tells, in the words of its readers: one table of all verbs.

A verb is recorded by its context and named here. `tests/unit/test_audit_deeds.py` finds every verb
in the source and demands its words.
"""

from collections.abc import Mapping
from typing import Final

from liudu.platform.words import Words

CONTEXTS: Final[Mapping[str, Words]] = {
    "identity": Words("账号与单位", "Accounts and organisations"),
    "city": Words("城市", "City"),
    "needs": Words("需求", "Needs"),
    "supply": Words("供给", "Supply"),
    "trials": Words("试验", "Trials"),
    "funding": Words("政策兑现", "Benefits"),
    "office": Words("工作台", "Desk"),
}
DEEDS: Final[Mapping[str, Words]] = {
    "identity.user.created": Words("建立账号", "made an account"),
    "identity.user.signed_up": Words("注册账号", "signed up"),
    "identity.user.edited": Words("修改个人信息", "edited a profile"),
    "identity.user.logged_in": Words("登录", "logged in"),
    "identity.user.logged_out": Words("退出登录", "logged out"),
    "identity.user.locked_out": Words(
        "多次输错密码，登录被暂停", "was locked out after wrong passwords"
    ),
    "identity.user.password_changed": Words("修改密码", "changed the password"),
    "identity.user.password_reset": Words("重置密码", "reset the password"),
    "identity.user.password_set": Words("设置密码", "set a password"),
    "identity.user.email_added": Words("添加邮箱", "added an e-mail address"),
    "identity.user.email_changed": Words("更换邮箱", "changed the e-mail address"),
    "identity.user.email_removed": Words("移除邮箱", "removed an e-mail address"),
    "identity.user.factor_added": Words("启用第二验证因素", "added a second factor"),
    "identity.user.factor_removed": Words("停用第二验证因素", "removed a second factor"),
    "identity.user.factor_reset": Words("重新生成第二验证因素", "renewed a second factor"),
    "identity.user.deactivated": Words("停用账号", "deactivated an account"),
    "identity.user.activated": Words("恢复账号", "activated an account again"),
    "identity.user.factors_cleared": Words(
        "代为清除第二验证因素", "cleared somebody’s second factor"
    ),
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
    "identity.invitation.renewed": Words("重新发送邀请", "sent an invitation again"),
    "identity.token.made": Words("生成接口令牌", "made an API token"),
    "identity.token.revoked": Words("停用接口令牌", "revoked an API token"),
    "city.pack.loaded": Words("载入城市数据", "loaded the city’s data"),
    "city.slot.filled": Words("补填空缺数据", "filled an empty slot"),
    "city.row.verified": Words("核实一条事实", "verified a fact"),
    "city.row.unverified": Words("撤销核实一条事实", "took a verification back"),
    "needs.need.drafted": Words("起草需求", "drafted a need"),
    "needs.need.imported": Words("从清单导入需求", "imported needs from a list"),
    "needs.need.copied": Words("复制需求为草稿", "copied a need into a draft"),
    "needs.need.edited": Words("修改需求", "edited a need"),
    "needs.need.published": Words("发布需求", "published a need"),
    "needs.need.withdrawn": Words("撤回需求", "withdrew a need"),
    "needs.need.advanced": Words("推进需求阶段", "moved a need on"),
    "needs.need.fixed": Words("固定验收指标", "fixed a need’s targets"),
    "needs.need.freed": Words("解除固定验收指标", "freed a need’s targets"),
    "needs.list.received": Words("上传需求清单", "uploaded a list of needs"),
    "needs.list.imported": Words("导入清单中的一批需求", "took a part of a list in"),
    "needs.list.ended": Words("清单导入完成", "finished a list"),
    "needs.list.refused": Words("清单未能导入", "refused a list"),
    "needs.list.resumed": Words("继续导入清单", "resumed a list"),
    "supply.vendor.registered": Words("建立供方主页", "set up a vendor page"),
    "supply.vendor.changed": Words("修改供方主页", "edited a vendor page"),
    "supply.vendor.invited": Words("邀请供方", "invited a vendor"),
    "supply.solution.added": Words("新增方案", "added a solution"),
    "supply.solution.changed": Words("修改方案", "edited a solution"),
    "supply.version.uploaded": Words("上传方案版本", "uploaded a version"),
    "supply.version.conforms": Words("方案版本通过规范检查", "found that a version conforms"),
    "supply.version.refused": Words(
        "方案版本未通过规范检查", "found that a version does not conform"
    ),
    "supply.version.broken": Words(
        "规范检查因平台故障中断", "broke off a check: the platform failed"
    ),
    "supply.version.requeued": Words("重新检查方案版本", "queued a version’s check again"),
    "supply.offer.made": Words("提交方案", "made an offer"),
    "supply.offer.withdrawn": Words("撤回方案", "withdrew an offer"),
    "supply.offer.admitted": Words("准入方案", "admitted an offer"),
    "supply.offer.declined": Words("未采纳方案", "declined an offer"),
    "supply.certificate.filed": Words("签发证书", "filed a certificate"),
    "supply.certificate.released": Words("公布证书", "released a certificate"),
    "supply.certificate.shown": Words("公开展示证书", "showed a certificate to everybody"),
    "supply.certificate.hidden": Words("停止展示证书", "hid a certificate"),
    "supply.certificate.revoked": Words("吊销证书", "revoked a certificate"),
    "trials.data.uploaded": Words("上传试验数据", "uploaded data to seal"),
    "trials.data.sealing": Words("开始封存数据", "began to seal data"),
    "trials.data.sealed": Words("封存数据", "sealed data"),
    "trials.data.refused": Words("数据未能封存", "refused to seal data"),
    "trials.trial.queued": Words("启动试验（排队）", "queued a trial"),
    "trials.trial.begun": Words("试验开始运行", "began a trial"),
    "trials.trial.decided": Words("试验得出结论", "decided a trial"),
    "trials.trial.ended": Words("试验终止", "ended a trial"),
    "trials.trial.cancelled": Words("取消试验", "cancelled a trial"),
    "trials.trial.failed_by_platform": Words(
        "试验因平台故障中断", "broke off a trial: the platform failed"
    ),
    "trials.trial.given_back": Words("试验退回队列", "handed a trial back to the queue"),
    "trials.trial.released": Words("公布试验结论", "released a trial’s verdict"),
    "funding.policy.loaded": Words("载入政策", "loaded a policy"),
    "funding.clause.checked": Words("核对政策条款", "checked a clause"),
    "funding.subject.added": Words("登记政策对象", "added a subject"),
    "funding.subject.looked_at": Words(
        "查看对象的事实与测算", "looked at what is known of a subject"
    ),
    "funding.subjects.simulated": Words("生成模拟对象", "made simulated subjects"),
    "funding.application.made": Words("提出申领", "applied for a benefit"),
    "funding.application.withdrawn": Words("撤回申领", "withdrew an application"),
    "funding.fact.entered": Words("填报事实", "entered a fact"),
    "funding.facts.imported": Words("导入事实", "imported facts"),
    "funding.batch.opened": Words("新建兑现批次", "opened a batch"),
    "funding.batch.matched": Words("完成批次匹配", "matched a batch"),
    "funding.batch.notified": Words("通知批次对象", "notified a batch"),
    "funding.batch.published": Words("公示批次", "published a batch"),
    "funding.batch.archived": Words("归档批次", "archived a batch"),
    "funding.grant.reviewed": Words("复核通过一笔兑现", "approved a grant in review"),
    "funding.grant.refused": Words("复核退回一笔兑现", "refused a grant in review"),
    "funding.grant.determined_anew": Words("重新认定一笔兑现", "determined a grant anew"),
    "funding.grant.confirmed": Words("确认收款账户", "confirmed the account of a grant"),
    "funding.grant.opted_out": Words("放弃一笔兑现", "opted out of a grant"),
    "funding.grant.ordered": Words("生成付款指令", "ordered a payment"),
    "funding.grant.paid": Words("完成付款", "paid a grant"),
    "funding.grant.returned": Words("登记付款退回", "kept that a payment came back"),
    "funding.grant.sent_again": Words("再次提交付款指令", "sent an order again"),
    "funding.grant.closed": Words("终止办理退回的付款", "gave up a payment that came back"),
    "funding.grant.recovered": Words("追回一笔兑现", "recovered a grant"),
    "funding.objection.raised": Words("提出异议", "raised an objection"),
    "funding.objection.answered": Words("答复异议", "answered an objection"),
    "funding.answers.imported": Words(
        "导入财政办理结果", "imported the treasury's answers to payment orders"
    ),
    "funding.orders.exported": Words("导出付款指令", "exported payment orders"),
    "funding.orders.fetched": Words("下载付款指令文件", "fetched a file of payment orders"),
    "office.view.saved": Words("保存视图", "saved a view"),
    "office.view.shared": Words("共享视图", "shared a view"),
    "office.view.kept_private": Words("取消共享视图", "kept a view private"),
    "office.view.deleted": Words("删除视图", "deleted a view"),
}
SUBJECTS: Final[Mapping[str, Words]] = {
    "batch": Words("兑现批次", "Batch"),
    "certificate": Words("证书", "Certificate"),
    "city": Words("城市数据", "City"),
    "fact": Words("事实", "Fact"),
    "fact_import": Words("事实导入", "Import of facts"),
    "grant": Words("兑现", "Grant"),
    "import": Words("清单导入", "Imported list"),
    "need": Words("需求", "Need"),
    "offer": Words("提交的方案", "Offer"),
    "organisation": Words("单位", "Organisation"),
    "payment_export": Words("付款指令文件", "File of payment orders"),
    "policy": Words("政策", "Policy"),
    "seal": Words("封存数据", "Sealed data"),
    "solution": Words("方案", "Solution"),
    "subject": Words("政策对象", "Subject"),
    "subjects": Words("政策对象（批量）", "Subjects"),
    "trial": Words("试验", "Trial"),
    "user": Words("账号", "Account"),
    "vendor": Words("供方", "Vendor"),
    "version": Words("方案版本", "Version"),
    "view": Words("视图", "View"),
}
ACTORS: Final[Mapping[str, Words]] = {
    "person": Words("个人", "person"),
    "token": Words("接口令牌", "API token"),
    "system": Words("系统", "system"),
    "visitor": Words("访客", "visitor"),
}


def deed_said(verb: str) -> Words:
    """Return what a line tells; the verb itself where an older version recorded it."""
    return DEEDS.get(verb, Words(verb, verb))


def subject_said(kind: str) -> Words:
    """Return what the thing that a line tells of is."""
    return SUBJECTS.get(kind, Words(kind, kind))


def actor_said(kind: str) -> Words:
    """Return what kind of actor did it."""
    return ACTORS.get(kind, Words(kind, kind))
