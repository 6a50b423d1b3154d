"""Who and what the demo is made of: simulated people, organisations, needs and vendors.

Needs follow what was published (the code names the row of the city pack); whatever the published
text does not say is our own and said to be so in the need.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs

from liudu.platform.actors import Role

PASSWORD: Final = "liudu-demo-2026"  # noqa: S105 - printed on purpose; for a demo only
MARK: Final = "（模拟）"
MARK_EN: Final = " (simulated)"


@attrs.frozen(kw_only=True)
class Person:
    """Somebody who can log in."""

    email: str
    name: str
    zh: str
    en: str
    organisation: str
    roles: Sequence[Role]


@attrs.frozen(kw_only=True)
class Body:
    """An organisation of the demo."""

    name: str
    name_en: str
    kind: str
    district: str
    about: str = ""
    about_en: str = ""

    @property
    def marked(self) -> str:
        """The name with its mark."""
        return self.name + MARK


@attrs.frozen(kw_only=True)
class Wish:
    """A need of the demo, after a published item."""

    after: str
    owner: str
    title: str
    title_en: str
    problem: str
    problem_en: str
    data: str
    sector: str
    district: str
    job: str
    targets: Mapping[str, Any]
    budget_wan: int
    days: int


def _bound(metric: str, op: str, limit: float, **more: float) -> dict[str, Any]:
    return {"metric": metric, "op": op, "limit": limit, "confidence": 0.95, **more}


def _promise(
    task: str,
    positive: str,
    line: Mapping[str, float],
    *targets: Mapping[str, Any],
    level: str = "bwrap",
) -> dict[str, Any]:
    named = {"positive": positive} if positive else {}
    return {
        "task": task,
        **named,
        "mode": "batch",
        "level": level,
        "line": dict(line),
        "targets": [dict(each) for each in targets],
    }


BODIES: Final = {
    "bureau": Body(
        name="市人工智能场景办公室",
        name_en="City office for AI scenarios",
        kind="bureau",
        district="gusu",
    ),
    "operator": Body(
        name="平台运营中心", name_en="Platform operations", kind="operator", district="sip"
    ),
    "factory": Body(
        name="明州精密电子", name_en="Mingzhou Precision", kind="company", district="wujiang"
    ),
    "display": Body(
        name="澄湖显示材料", name_en="Chenghu Displays", kind="company", district="sip"
    ),
    "battery": Body(
        name="澜江新能源", name_en="Lanjiang Energy", kind="company", district="changshu"
    ),
    "hospital": Body(
        name="城东医院", name_en="East City Hospital", kind="public_body", district="kunshan"
    ),
    "disease_control": Body(
        name="市疾控应用示范点", name_en="Disease control site", kind="public_body", district="gusu"
    ),
    "permits": Body(
        name="街道审批服务中心",
        name_en="Street permit centre",
        kind="public_body",
        district="xiangcheng",
    ),
    "vision": Body(
        name="知微视觉",
        name_en="Zhiwei Vision",
        kind="company",
        district="sip",
        about="做电子与显示行业的外观检测，自研小样本缺陷模型。",
        about_en="Surface inspection for electronics and displays, with small-sample models.",
    ),
    "single": Body(
        name="一叶算法工作室",
        name_en="One Leaf Studio",
        kind="opc",
        district="sip",
        about="一人公司：时间序列预警与影像筛查。",
        about_en="A one-person company: early warning and screening of images.",
    ),
    "sensing": Body(
        name="云栖遥感",
        name_en="Yunqi Sensing",
        kind="company",
        district="wuzhong",
        about="遥感影像变化检测与视频结构化。",
        about_en="Change detection in satellite images, and structured video.",
    ),
}

PEOPLE: Final = (
    Person(
        email="office@demo.liudu.test",
        name="沈知行",
        zh="场景办工作人员",
        en="officer of the scenario office",
        organisation="bureau",
        roles=(Role.OFFICER, Role.NEED_OWNER),
    ),
    Person(
        email="owner@demo.liudu.test",
        name="顾明",
        zh="需求方（明州精密电子）",
        en="need owner (Mingzhou Precision)",
        organisation="factory",
        roles=(Role.NEED_OWNER,),
    ),
    Person(
        email="vendor@demo.liudu.test",
        name="陆微",
        zh="供方（知微视觉）",
        en="vendor (Zhiwei Vision)",
        organisation="vision",
        roles=(Role.VENDOR,),
    ),
    Person(
        email="opc@demo.liudu.test",
        name="叶一",
        zh="一人公司创始人（一叶算法）",
        en="founder of a one-person company",
        organisation="single",
        roles=(Role.VENDOR, Role.NEED_OWNER),
    ),
    Person(
        email="auditor@demo.liudu.test",
        name="秦审",
        zh="审计员",
        en="auditor",
        organisation="bureau",
        roles=(Role.AUDITOR,),
    ),
    Person(
        email="operator@demo.liudu.test",
        name="吴维",
        zh="平台运营",
        en="operator of the platform",
        organisation="operator",
        roles=(Role.OPERATOR,),
    ),
    Person(
        email="member@demo.liudu.test",
        name="钱成",
        zh="企业普通成员（明州精密电子）",
        en="member without further roles (Mingzhou Precision)",
        organisation="factory",
        roles=(Role.MEMBER,),
    ),
    Person(
        email="graduate@demo.liudu.test",
        name="苏禾",
        zh="应届毕业生（个人账户）",
        en="graduate (a person's own account)",
        organisation="",
        roles=(),
    ),
)

# The need whose trial really runs; its level lets it run on any machine, and is told.
BOARDS: Final = Wish(
    after="SZ07",
    owner="factory",
    title="消费电子电路板外观检测",
    title_en="Surface inspection of circuit boards",
    problem=(
        "贴片后的电路板靠人工目检，夜班漏检多。希望按整板给出合格或不合格，漏检率低于 0.5%，"
        "过杀率不超过 3%，跟得上每小时 3000 件的产线。"
    ),
    problem_en=(
        "Boards are looked at by eye, and the night shift misses much. Say good or bad for each "
        "board: fewer than 0.5% missed, at most 3% overkill, at 3,000 boards an hour."
    ),
    data="4000 张整板图像与逐件复判标签，均由程序生成。",
    sector="manufacturing",
    district="wujiang",
    job="sort",
    targets=_promise(
        "classify",
        "defective",
        {"pieces_per_h": 3000, "positive_share": 0.01},
        _bound("miss_rate", "<", 0.005, hoped=0.001),
        _bound("overkill_rate", "<=", 0.03, hoped=0.01),
        {"metric": "throughput_per_h", "op": ">=", "limit": 3000},
        level="process",
    ),
    budget_wan=60,
    days=120,
)
WISHES: Final = (
    Wish(
        after="SZ05",
        owner="display",
        title="偏光片高速外观检测",
        title_en="Fast inspection of polarisers",
        problem="偏光片产线每小时 6000 片，现有检测跟不上。要求漏检率低于 0.2%，同时过杀率不超过 3%（过杀上限为本需求自拟）。",  # noqa: E501
        problem_en="The line makes 6,000 polarisers an hour. Fewer than 0.2% may be missed, and at most 3% overkilled (this limit is our own).",  # noqa: E501
        data="近三个月的线阵相机图像，已有人工复判结果。",
        sector="manufacturing",
        district="sip",
        job="sort",
        targets=_promise(
            "classify",
            "defective",
            {"pieces_per_h": 6000, "positive_share": 0.005},
            _bound("miss_rate", "<", 0.002),
            _bound("overkill_rate", "<=", 0.03),
            {"metric": "throughput_per_h", "op": ">=", "limit": 6000},
        ),
        budget_wan=200,
        days=150,
    ),
    Wish(
        after="SZ06",
        owner="battery",
        title="锂电池极片缺陷检测",
        title_en="Defects of battery electrodes",
        problem="公开报道以“质检精准率 99.5%”为指标；单一比率挡不住漏检，本需求改为漏检率低于 0.5%、过杀率不超过 1%。",  # noqa: E501
        problem_en="Reports speak of 99.5% accuracy; one ratio guards against nothing, so this need asks for fewer than 0.5% missed and at most 1% overkilled.",  # noqa: E501
        data="极片涂布与分切工序图像，含 12 类缺陷标签。",
        sector="manufacturing",
        district="changshu",
        job="sort",
        targets=_promise(
            "classify",
            "defective",
            {"pieces_per_h": 2400, "positive_share": 0.01},
            _bound("miss_rate", "<", 0.005),
            _bound("overkill_rate", "<=", 0.01),
        ),
        budget_wan=150,
        days=180,
    ),
    Wish(
        after="SZ13",
        owner="disease_control",
        title="流感样病例提前预警",
        title_en="Early warning of flu-like illness",
        problem="报道只说“准确率 95% 以上”，没有病种、提前期与定义。本需求限定为流感样病例的周度预警：漏掉的暴发不超过 20%，平静周的误报不超过 5%。",  # noqa: E501
        problem_en="Reports say “over 95% accurate” without disease, horizon or definition. This need means weekly warnings of flu-like illness: at most 20% of outbreaks missed, false alarms in at most 5% of quiet weeks.",  # noqa: E501
        data="十年哨点医院周度就诊数据（脱敏），暴发起止由流行病学调查确定。",
        sector="health",
        district="gusu",
        job="warn",
        targets=_promise(
            "alarm",
            "",
            {"pieces_per_h": 1, "positive_share": 0.1},
            _bound("miss_rate", "<=", 0.2),
            _bound("false_alarm_rate", "<=", 0.05),
        )
        | {"mode": "stream"},
        budget_wan=80,
        days=200,
    ),
    Wish(
        after="OC05",
        owner="hospital",
        title="胸部影像辅助筛查",
        title_en="Screening of chest images",
        problem="影像科医生不足，希望先由系统挑出需要优先阅片的病例：灵敏度不低于 95%，特异度不低于 85%（限值为本需求自拟）。",  # noqa: E501
        problem_en="There are too few radiologists: pick out what must be read first. Sensitivity of 95% or more, specificity of 85% or more (limits are our own).",  # noqa: E501
        data="脱敏胸片与两名医生的一致诊断。",
        sector="health",
        district="kunshan",
        job="screen",
        targets=_promise(
            "classify",
            "positive",
            {"pieces_per_h": 120, "positive_share": 0.08},
            _bound("sensitivity", ">=", 0.95),
            _bound("specificity", ">=", 0.85),
        ),
        budget_wan=120,
        days=240,
    ),
    Wish(
        after="SZ27",
        owner="permits",
        title="施工许可申报材料预审",
        title_en="First review of permit applications",
        problem="线上联审与容缺受理已把时限从 10 天缩到 1 天，瓶颈在材料是否齐全的人工核对。希望自动挑出缺件的申报：缺件漏判不超过 1%，齐全误判不超过 5%（限值为本需求自拟）。",  # noqa: E501
        problem_en="Joint review has cut ten days to one; what is left is checking by hand whether papers are complete. Pick out incomplete applications: at most 1% missed, at most 5% wrongly held (limits are our own).",  # noqa: E501
        data="历史申报材料扫描件与窗口核对结论（脱敏）。",
        sector="gov_services",
        district="xiangcheng",
        job="screen",
        targets=_promise(
            "classify",
            "incomplete",
            {"pieces_per_h": 60, "positive_share": 0.2},
            _bound("miss_rate", "<=", 0.01),
            _bound("overkill_rate", "<=", 0.05),
        ),
        budget_wan=45,
        days=90,
    ),
    Wish(
        after="SZ03",
        owner="bureau",
        title="遥感影像违法占地监测",
        title_en="Illegal land use in satellite images",
        problem="每季度比对全市卫星影像，标出新增建设图斑。漏掉的图斑不超过 5%，无变化区域的误报不超过 10%（限值为本需求自拟）。",  # noqa: E501
        problem_en="Compare satellite images of the city each quarter and mark new building. At most 5% of the plots missed, false calls in at most 10% of unchanged tiles (limits are our own).",  # noqa: E501
        data="三年季度影像与外业核查结果。",
        sector="social_governance",
        district="gusu",
        job="locate",
        targets=_promise(
            "detect",
            "",
            {"pieces_per_h": 400, "positive_share": 0.03},
            _bound("miss_rate", "<=", 0.05),
            _bound("overkill_rate", "<=", 0.1),
        ),
        budget_wan=100,
        days=160,
    ),
    Wish(
        after="SZ11",
        owner="battery",
        title="光伏硅片隐裂检测",
        title_en="Hidden cracks of solar wafers",
        problem="报道称效率为人工的 10 倍以上，未公布错误率。本需求要求隐裂漏检率低于 1%，过杀率不超过 2%（限值为本需求自拟）。",  # noqa: E501
        problem_en="Reports tell of ten times the pace and of no error rate. This need asks for fewer than 1% of cracks missed and at most 2% overkilled (limits are our own).",  # noqa: E501
        data="电致发光图像与切片复检结论。",
        sector="energy",
        district="changshu",
        job="sort",
        targets=_promise(
            "classify",
            "defective",
            {"pieces_per_h": 7200, "positive_share": 0.02},
            _bound("miss_rate", "<", 0.01),
            _bound("overkill_rate", "<=", 0.02),
        ),
        budget_wan=130,
        days=140,
    ),
)

SOLUTIONS: Final = (
    (
        "vision",
        "整板外观判定",
        "Whole-board inspection",
        "manufacturing",
        "整板图像进，合格或不合格出；随平台示例打包，可直接试验。",
        "A board image in, good or bad out; packed for trial.",
    ),
    (
        "single",
        "周度疫情预警",
        "Weekly outbreak warning",
        "health",
        "哨点就诊数据的在线预警，不偷看未来。",
        "Warnings from sentinel data, without a look ahead.",
    ),
    (
        "sensing",
        "遥感变化图斑",
        "Changed plots from satellites",
        "social_governance",
        "两期影像比对，输出变化图斑。",
        "Compares two images and marks what changed.",
    ),
)
