//! What plugins are told about the node: the records of `cap-facts.wit`, with their JSON as it stands in test cases and
//! as `kubephase plugin run --facts` reads it.
