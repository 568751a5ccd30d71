"""What files of spconv name of the compiled part of cumm."""
