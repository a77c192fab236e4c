"""Who gets the credit for a conversion, and what is known of a customer: pure, and any order of arrival will do."""
