"""The dashboard: signals, their triage, the people behind them, and who looked at whom."""
