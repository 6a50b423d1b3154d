"""Early warning of unusual rises in notifiable diseases."""
