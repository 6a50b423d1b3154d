"""The words that bureaus use in their lists."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

PERSONAL: Final = "personal"

# What bureaus call their columns; the first of each is what the template writes.
SPELLINGS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType({
    "title": (
        "需求名称", "场景名称", "标题", "需求标题", "名称", "项目名称", "场景需求名称",
        "应用场景名称", "应用场景", "场景需求", "需求题目", "title", "need", "needtitle", "name",
        "needname", "scenario", "scenarioname", "usecase",
    ),
    "title_en": ("英文名称", "英文标题", "titleinenglish", "englishtitle", "titleen"),
    "sector": (
        "所属行业", "行业", "领域", "所属领域", "行业领域", "应用领域", "应用行业", "产业领域",
        "行业方向", "行业类别", "sector", "industry", "field",
    ),
    "owner": (
        "需求单位", "业主", "业主单位", "场景单位", "需求方", "单位名称", "需求单位名称",
        "发布单位", "提出单位", "申报单位", "实施单位", "建设单位", "企业名称", "owner",
        "organisation", "organization", "needowner", "postedby",
    ),
    "problem": (
        "拟解决问题", "需求描述", "场景描述", "需求内容", "问题描述", "痛点", "痛点问题",
        "场景痛点", "需求简介", "场景简介", "场景内容", "拟解决的问题", "要解决的问题",
        "拟解决的痛点问题", "主要问题", "现状与问题", "需求背景", "problem", "description",
        "problemtosolve",
    ),
    "wanted_capability": (
        "所需能力", "能力需求", "技术需求", "技术要求", "所需技术", "功能需求", "需求能力",
        "合作需求", "所需技术能力", "想要的能力", "希望具备的能力", "预期功能",
        "wantedcapability", "capability", "requiredcapability",
    ),
    "data_at_hand": (
        "现有数据", "数据情况", "数据基础", "可提供数据", "可开放数据", "数据条件", "已有数据",
        "手头的数据", "数据资源", "数据支撑", "数据支撑情况", "dataathand", "data",
        "availabledata",
    ),
    "targets_text": (
        "验收指标", "指标要求", "预期目标", "考核指标", "预期指标", "预期效果", "验收标准",
        "targets", "acceptancetargets", "acceptance", "kpi",
    ),
    "district": (
        "所在区市", "所在区县", "区县", "所在区域", "区域", "属地", "所属区域", "所属板块",
        "所属区县", "板块", "地区", "所在地", "district", "area", "location",
    ),
    "budget_fen_max": (
        "预算", "预算金额", "投资预算", "项目预算", "计划投资", "预算上限", "投资额", "总投资",
        "预计投资", "拟投入资金", "投资金额", "经费预算", "资金预算", "投入金额", "budget",
        "amount",
    ),
    "due_date": (
        "完成时间", "计划完成时间", "截止日期", "截止时间", "完成日期", "期限", "时间要求",
        "日期", "预计完成时间", "期望完成时间", "期望完成日期", "拟完成时间", "要求完成时间",
        "预计完成日期", "计划完成日期", "完成时限", "时限", "实施期限", "duedate", "date",
        "deadline", "completiondate",
    ),
    "contact_unit": ("联系单位", "联系部门", "牵头部门", "责任部门", "contactunit", "contact"),
    PERSONAL: (
        "联系人", "联系人姓名", "姓名", "联系电话", "电话", "手机", "手机号", "手机号码",
        "联系方式", "联系人电话", "联系人及电话", "邮箱", "电子邮箱", "contactperson", "phone",
        "telephone", "mobile", "email", "身份证号",
    ),
    "number": ("序号", "编号", "no", "number", "id"),
})  # fmt: skip
FIELD_OF: Final = {
    spelling: field for field, spellings in SPELLINGS.items() for spelling in spellings
}
REAL: Final = frozenset(SPELLINGS) - {PERSONAL, "number"}
HIDDEN_ZH: Final = "（个人信息，未保存）"
NOTHING: Final = frozenset(
    ("无", "暂无", "待定", "面议", "未定", "不限", "/", "-", "—", "–", "n/a", "na", "tbd", "none")
)
TOTALS: Final = ("合计", "总计", "小计", "total")
# Other words for the sectors of 1+15, by the code of the city pack.
SECTOR_WORDS: Final[Mapping[str, str]] = MappingProxyType({
    "工业": "manufacturing", "先进制造": "manufacturing", "卫生": "health", "卫健": "health",
    "养老": "health", "银行": "finance", "物流": "transport", "旅游": "culture_tourism",
    "文化": "culture_tourism", "体育": "culture_tourism", "商贸": "consumption",
    "商业": "consumption", "零售": "consumption", "人社": "human_resources",
    "就业": "human_resources", "农林": "agriculture", "城市治理": "social_governance",
    "公共安全": "social_governance", "应急": "social_governance", "城管": "social_governance",
    "政务": "gov_services", "无人机": "low_altitude", "电力": "energy", "住建": "construction",
})  # fmt: skip
