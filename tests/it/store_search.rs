//! Search: a text must be found wherever it stands in a name, the email or the external id, whatever its case, taken as
//! it is; and nowhere once it is gone.

use purser::domain::{Change, Customer, Domain, PageRequest, customer, fold};
use purser::store::CustomerFilter;
use serde_json::{Value, json};

use crate::changes::{creating, done, fate, fates, now, tenant, updating, whole};
use crate::harness::{TestStore, on_each_database};

on_each_database!(TestStore:
    a_text_is_found_in_every_field_that_is_searched_and_in_no_other,
    case_and_form_do_not_matter,
    signs_mean_themselves,
    three_characters_of_any_script_are_enough,
    a_text_does_not_reach_from_one_field_into_the_next,
    what_an_update_changed_is_found_as_it_now_is,
    only_live_customers_of_the_domain_are_found,
    search_goes_with_the_other_filters,
);

async fn search(it: &TestStore, domain: &Domain, text: &str) -> Vec<String> {
    let search = Some(fold(text));
    found(
        it,
        CustomerFilter { domains: vec![domain.id], search, oldest_first: true, ..CustomerFilter::default() },
    )
    .await
}

/// The nick names of those found, in order.
async fn found(it: &TestStore, filter: CustomerFilter) -> Vec<String> {
    let page = PageRequest::parse(100, "", &filter).unwrap();
    let list = it.store.list_customers(&filter, &page).await.unwrap();
    let total = it.store.count_customers(&filter).await.unwrap();
    assert_eq!((usize::try_from(total.size).unwrap(), total.capped), (list.items.len(), false));
    let mut names: Vec<String> = list.items.into_iter().map(|it| it.profile.nick_name.into()).collect();
    names.sort();
    names
}

/// Customers with these fields, nick-named by their place: 00, 01, …
async fn customers(it: &TestStore, domain: &Domain, all: &[Value]) {
    let nick_named = all.iter().enumerate().map(|(n, fields)| {
        let mut fields = fields.clone();
        fields.as_object_mut().unwrap().entry("nick_name").or_insert(json!(format!("{n:02}")));
        creating(domain, fields, now())
    });
    let group: Vec<Change> = nick_named.collect();
    fates(&it.store, &group).await.into_iter().for_each(|it| assert!(it.is_ok(), "{it:?}"));
}

async fn a_text_is_found_in_every_field_that_is_searched_and_in_no_other(it: TestStore) {
    let acme = tenant(&it.store, "acme").await;
    let fields = [
        json!({"name": "xx needle yy"}),
        json!({"first_name": "needle"}),
        json!({"middle_name": "needles"}),
        json!({"last_name": "aneedle"}),
        json!({"nick_name": "04 needle"}),
        json!({"business": {"legal_name": "Needle & Sons"}}),
        json!({"business": {"trade_name": "The Needle"}}),
        json!({"email": "my.needle@mail.example"}),
        json!({"external_id": "crm/needle/1"}),
        json!({"payment_address": "needle@acme"}),
        json!({"phone": "+12345678", "metadata": {"needle": "needle"}}),
        json!({"billing_address": {"line1": "needle", "city": "needle"}}),
        json!({"business": {"website": "https://needle.example", "description": "needle"}}),
        json!({"name": "nee dle"}),
    ];
    customers(&it, &acme, &fields).await;
    let expected = ["00", "01", "02", "03", "04 needle", "05", "06", "07", "08"];
    assert_eq!(search(&it, &acme, "needle").await, expected);
    assert_eq!(search(&it, &acme, "mail.example").await, ["07"]);
    assert!(search(&it, &acme, "haystack").await.is_empty());
}

async fn case_and_form_do_not_matter(it: TestStore) {
    let acme = tenant(&it.store, "acme").await;
    let names = ["ADA LOVELACE", "ada lovelace", "Àdà Straße", "ＦＵＬＬ width", "ﬁnal Ⅳ", "ΣΊΣΥΦΟΣ"];
    customers(&it, &acme, &names.map(|it| json!({"name": it}))).await;
    for (text, expected) in [
        ("Ada Love", vec!["00", "01"]),
        ("LACE", vec!["00", "01"]),
        ("àDÀ", vec!["02"]),
        ("STRAß", vec!["02"]),
        ("full", vec!["03"]),
        ("final iv", vec!["04"]),
        ("ΊΣΥΦ", vec!["05"]),
        ("ίσυφ", vec!["05"]),
    ] {
        assert_eq!(search(&it, &acme, text).await, expected, "{text}");
    }
}

/// Sabotage: leave out the escapes of `narrow_by_search`.
async fn signs_mean_themselves(it: TestStore) {
    let acme = tenant(&it.store, "acme").await;
    let names = [
        "say \"hi\" now",
        "100%_sure",
        r"back\slash",
        "O'Neil",
        "a*b^c",
        "NEAR(x y)",
        "plain abc xyz",
        "(par) [br] {cur}",
        "semi; -- dash",
        "a:b col:x",
        "\"\"\"",
        "%%%",
        "___",
        r"\\\",
        "100 sure",
    ];
    customers(&it, &acme, &names.map(|it| json!({"name": it}))).await;
    for (text, expected) in [
        ("\"hi\"", vec!["00"]),
        ("y \"h", vec!["00"]),
        ("%_s", vec!["01"]),
        ("00%", vec!["01"]),
        ("0%s", vec![]),
        ("0_s", vec![]),
        (r"k\s", vec!["02"]),
        (r"k\\s", vec![]),
        ("o'n", vec!["03"]),
        ("a*b", vec!["04"]),
        ("*b^", vec!["04"]),
        ("near(x", vec!["05"]),
        ("abc OR xyz", vec![]),
        ("abc xyz", vec!["06"]),
        ("abc*", vec![]),
        ("[br]", vec!["07"]),
        ("; --", vec!["08"]),
        ("col:", vec!["09"]),
        ("text:b", vec![]),
        ("\"\"\"", vec!["10"]),
        ("%%%", vec!["11"]),
        ("___", vec!["12"]),
        (r"\\\", vec!["13"]),
        ("a%c", vec![]),
        ("a_c", vec![]),
    ] {
        assert_eq!(search(&it, &acme, text).await, expected, "{text}");
    }
}

async fn three_characters_of_any_script_are_enough(it: TestStore) {
    let acme = tenant(&it.store, "acme").await;
    let names =
        ["abc", "你好世界", "🙂🙃🙂🙃", "Владимир", "محمد علي", "ab", "a b c", "e\u{301}te\u{301}", "עברית"];
    customers(&it, &acme, &names.map(|it| json!({"name": it}))).await;
    for (text, expected) in [
        ("abc", vec!["00"]),
        ("你好世", vec!["01"]),
        ("好世界", vec!["01"]),
        ("你世界", vec![]),
        ("🙂🙃🙂", vec!["02"]),
        ("🙃🙂🙃", vec!["02"]),
        ("🙂🙂🙂", vec![]),
        ("ДИМ", vec!["03"]),
        ("حمد", vec!["04"]),
        ("b c", vec!["06"]),
        ("été", vec!["07"]),
        ("ETE", vec![]),
        ("ברי", vec!["08"]),
    ] {
        assert_eq!(search(&it, &acme, text).await, expected, "{text}");
    }
}

async fn a_text_does_not_reach_from_one_field_into_the_next(it: TestStore) {
    let acme = tenant(&it.store, "acme").await;
    customers(&it, &acme, &[json!({"first_name": "Ada", "last_name": "King"})]).await;
    for text in ["ada king", "adaking", "daki", "a k"] {
        assert!(search(&it, &acme, text).await.is_empty(), "{text}");
    }
}

async fn what_an_update_changed_is_found_as_it_now_is(it: TestStore) {
    let acme = tenant(&it.store, "acme").await;
    let fields = json!({"nick_name": "n", "name": "before the change", "email": "old@mail.example"});
    let ada: Customer = done(&it.store, creating(&acme, fields, now())).await;
    for other in ["unlike", "another"] {
        fate(&it.store, creating(&acme, json!({"name": other}), now())).await.unwrap();
    }
    let fields = json!({"name": "after it", "email": "new@mail.example", "last_name": "added"});
    let ada: Customer = done(&it.store, updating(&ada, &acme, fields, now())).await;
    for gone in ["before", "the change", "old@", "old"] {
        assert!(search(&it, &acme, gone).await.is_empty(), "{gone}");
    }
    for there in ["after it", "new@", "added", "@mail.example"] {
        assert_eq!(search(&it, &acme, there).await, ["n"], "{there}");
    }
    let cleared = json!({"name": "", "email": null, "last_name": ""});
    fate(&it.store, updating(&ada, &acme, cleared, now())).await.unwrap();
    for gone in ["after it", "new@", "added"] {
        assert!(search(&it, &acme, gone).await.is_empty(), "{gone}");
    }
}

async fn only_live_customers_of_the_domain_are_found(it: TestStore) {
    let (acme, globex) = (tenant(&it.store, "acme").await, tenant(&it.store, "globex").await);
    let fields = |nick: &str| json!({"nick_name": nick, "name": "needle"});
    let ada: Customer = done(&it.store, creating(&acme, fields("ada"), now())).await;
    done::<Customer>(&it.store, creating(&acme, fields("bob"), now())).await;
    done::<Customer>(&it.store, creating(&globex, fields("cyd"), now())).await;
    fate(&it.store, customer::soft_delete(&ada, &acme, now()).unwrap()).await.unwrap();
    assert_eq!(search(&it, &acme, "needle").await, ["bob"]);
    assert_eq!(search(&it, &globex, "needle").await, ["cyd"]);
    let search = Some("needle".to_owned());
    let both = CustomerFilter {
        domains: vec![acme.id, globex.id],
        search,
        show_deleted: true,
        ..CustomerFilter::default()
    };
    assert_eq!(found(&it, both).await, ["ada", "bob", "cyd"]);
}

async fn search_goes_with_the_other_filters(it: TestStore) {
    use purser::store::TextColumn::{Email, ExternalId, FirstName};
    let acme = tenant(&it.store, "acme").await;
    let all = ["ada", "bob"].map(|word| {
        let mut fields = whole(word, &acme);
        fields["name"] = json!("needle");
        fields
    });
    customers(&it, &acme, &all).await;
    let with = |texts| CustomerFilter {
        domains: vec![acme.id],
        search: Some("needle".to_owned()),
        texts,
        ..CustomerFilter::default()
    };
    for (column, value, expected) in [
        (FirstName, "ada", vec!["00"]),
        (Email, "bob@mail.example", vec!["01"]),
        (ExternalId, "ext-ada", vec!["00"]),
        (ExternalId, "ext-cyd", vec![]),
    ] {
        assert_eq!(found(&it, with(vec![(column, vec![value.to_owned()])])).await, expected);
    }
}
