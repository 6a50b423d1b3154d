"""Who may do what here: predicates on the actor, and on the object where there is one."""
