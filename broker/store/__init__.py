"""The only SQL: tables, their migrations, and what is asked of them. What the rows mean to the service lives above."""
