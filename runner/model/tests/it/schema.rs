//! The schema that editors use.

#[test]
fn the_schema_knows_every_key_of_a_step_and_refuses_others() {
    let schema = sitedrill_model::schema();
    let step = &schema["$defs"]["Step"];
    for key in ["pgctl", "await", "expect", "return", "within", "because"] {
        assert!(step["properties"][key].is_object(), "{key}");
    }
    assert_eq!(step["additionalProperties"], false);
    assert_eq!(
        schema["$defs"]["Scenario"]["required"],
        serde_json::json!(["apiVersion", "kind", "metadata", "sites", "actors"])
    );
}

#[test]
fn every_reference_in_the_schema_leads_somewhere() {
    let schema = sitedrill_model::schema();
    let text = schema.to_string();
    let references: Vec<&str> = text
        .split("\"$ref\":\"#")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .collect();
    assert!(references.len() > 10);
    for reference in references {
        assert!(schema.pointer(reference).is_some(), "{reference}");
    }
}

#[test]
fn the_schema_stays_as_it_was_reviewed() {
    insta::assert_yaml_snapshot!(sitedrill_model::schema());
}
