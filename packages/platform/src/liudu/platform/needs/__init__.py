"""What owners want from AI, with acceptance targets."""
