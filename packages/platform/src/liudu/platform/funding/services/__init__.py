"""Every write of policies, facts, deliveries and payments."""

from liudu.platform.funding.services.answers import import_answers
from liudu.platform.funding.services.applications import apply_for, withdraw_application
from liudu.platform.funding.services.delivery import (
    approve_grant,
    archive_batch,
    confirm_account,
    match_batch,
    notify_batch,
    open_batch,
    opt_out,
    publish_batch,
    refuse_grant,
)
from liudu.platform.funding.services.exports import export_orders, fetch_export
from liudu.platform.funding.services.facts import (
    add_subject,
    declare_fact,
    enter_fact,
    import_facts,
    subject_for_organisation,
    subject_for_user,
)
from liudu.platform.funding.services.looks import note_look
from liudu.platform.funding.services.matching import (
    ask_matching,
    resume_matching,
    subjects_to_match,
)
from liudu.platform.funding.services.payments import (
    answer_objection,
    order_payments,
    raise_objection,
    recover_grant,
    settle_order,
)
from liudu.platform.funding.services.policies import (
    check_clause,
    load_policies,
    set_parameter,
)
from liudu.platform.funding.services.returns import (
    close_order,
    return_order,
    send_order_again,
)
from liudu.platform.funding.services.simulated import simulate_subjects

__all__ = [
    "add_subject",
    "answer_objection",
    "apply_for",
    "approve_grant",
    "archive_batch",
    "ask_matching",
    "check_clause",
    "close_order",
    "confirm_account",
    "declare_fact",
    "enter_fact",
    "export_orders",
    "fetch_export",
    "import_answers",
    "import_facts",
    "load_policies",
    "match_batch",
    "note_look",
    "notify_batch",
    "open_batch",
    "opt_out",
    "order_payments",
    "publish_batch",
    "raise_objection",
    "recover_grant",
    "refuse_grant",
    "resume_matching",
    "return_order",
    "send_order_again",
    "set_parameter",
    "settle_order",
    "simulate_subjects",
    "subject_for_organisation",
    "subject_for_user",
    "subjects_to_match",
    "withdraw_application",
]
