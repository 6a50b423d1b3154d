"""What waits for whom: boards, views and inboxes."""
