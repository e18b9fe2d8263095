"""What a marketer does: brands, products, audiences, briefs, copy, review, and what it earned."""
