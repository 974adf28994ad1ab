"""What the API takes and gives, as pydantic models: one file a resource. They are also its documentation."""
