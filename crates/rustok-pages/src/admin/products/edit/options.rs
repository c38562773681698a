//! Makes rows of the matrix from the values of the options.
//!
//! A value that is added makes a row for each combination with the values of the other options. One that is taken away
//! marks its rows: they are deleted when the product is saved, and until then the mark can be taken back. As many values
//! as before are the same ones under other names.

use super::typed::{Typed, TypedVariant, options_of, values_at};
use rustok_commerce::product::{MAX_OPTIONS, MAX_VARIANTS};
use std::collections::HashSet;

/// What the values of the options did to the rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Expanded {
    /// Rows that were made.
    pub(super) added: usize,
    /// Rows of stored variants that were marked.
    pub(super) marked: usize,
}

/// Why the rows stay as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// The option with this number has a name and no values.
    NoValues(usize),
    /// There would be this many variants.
    TooMany(usize),
}

/// One option: its values as they will be, and those of them that no row has yet.
struct Column {
    values: Vec<String>,
    added: Vec<String>,
}

/// Applies the values of the options to the rows. Options that are blank are closed up.
pub(super) fn expand(typed: &mut Typed) -> Result<Expanded, Refused> {
    let was: Vec<bool> = typed.options.iter().map(|option| option.is_changed()).collect();
    for (at, option) in typed.options.iter().enumerate() {
        if !option.name.trim().is_empty() && option.values.text.is_empty() {
            let has_values = typed.variants.iter().any(|row| row.is_free && filled(row, at));
            if !has_values {
                return Err(Refused::NoValues(at));
            }
        }
    }
    if !was.contains(&true) {
        return Ok(Expanded::default());
    }
    let mut rows = typed.variants.clone();
    // A new row that was marked is gone.
    rows.retain(|row| !(row.is_new() && row.deleted));
    let marked_before = rows.iter().filter(|row| row.deleted).count();
    let mut columns = Vec::new();
    for (at, changed) in was.iter().enumerate() {
        columns.push(match changed {
            true => change(typed, &mut rows, at),
            false => Column {
                values: values_at(&rows, at),
                added: Vec::new(),
            },
        });
    }
    close_up(typed, &mut rows, &mut columns);
    mark_repeated(&mut rows);
    rows.retain(|row| !(row.is_new() && row.deleted));
    let made = new_combinations(&columns, &rows)?;
    let pattern = rows.iter().find(|row| !row.deleted).cloned().unwrap_or_default();
    let added = made.len();
    rows.extend(made.into_iter().map(|options| made_like(&pattern, options)));
    sort(&mut rows, &columns);
    let names: Vec<String> = typed.options.iter().map(|option| option.name.clone()).collect();
    let marked = rows
        .iter()
        .filter(|row| row.deleted)
        .count()
        .saturating_sub(marked_before);
    typed.options = options_of(&names, &rows);
    typed.variants = rows;
    Ok(Expanded { added, marked })
}

fn filled(row: &TypedVariant, at: usize) -> bool {
    row.options.get(at).is_some_and(|value| !value.is_empty())
}

/// Applies the values of one option.
fn change(typed: &Typed, rows: &mut [TypedVariant], at: usize) -> Column {
    let made = || {
        rows.iter()
            .filter(|row| !row.is_free)
            .cloned()
            .collect::<Vec<_>>()
    };
    let old = values_at(&made(), at);
    let mut values = typed.options[at].values.parts();
    let Some(first) = values.first().cloned() else {
        // The option goes: its column is closed up.
        return Column {
            values,
            added: Vec::new(),
        };
    };
    if old.is_empty() {
        for row in rows.iter_mut().filter(|row| !filled(row, at)) {
            row.options.resize(row.options.len().max(at + 1), String::new());
            row.options[at].clone_from(&first);
        }
    } else if old.len() == values.len() {
        for (before, after) in old.iter().zip(&values) {
            if !values.contains(before) && !old.contains(after) {
                rename(rows, at, before, after);
            }
        }
    }
    let had: HashSet<String> = values_at(rows, at).into_iter().collect();
    for row in rows.iter_mut().filter(|row| !row.is_free && filled(row, at)) {
        row.deleted |= !values.contains(&row.options[at]);
    }
    let added = values
        .iter()
        .filter(|value| !had.contains(*value))
        .cloned()
        .collect();
    for value in values_at(rows, at) {
        if !values.contains(&value) {
            values.push(value);
        }
    }
    Column { values, added }
}

fn rename(rows: &mut [TypedVariant], at: usize, before: &str, after: &str) {
    let values = rows.iter_mut().filter_map(|row| row.options.get_mut(at));
    for value in values.filter(|value| value.as_str() == before) {
        after.clone_into(value);
    }
}

/// Takes the options that are blank out of the form and out of all rows.
fn close_up(typed: &mut Typed, rows: &mut [TypedVariant], columns: &mut Vec<Column>) {
    let stays: Vec<bool> = typed.options.iter().map(|option| !option.is_blank()).collect();
    let stays = |at: usize| stays.get(at).copied().unwrap_or(false);
    for row in rows.iter_mut() {
        let kept = row.options.iter().enumerate().filter(|(at, _)| stays(*at));
        row.options = kept.map(|(_, value)| value.clone()).collect();
    }
    let mut at = 0..;
    columns.retain(|_| at.next().is_some_and(&stays));
    typed.options.retain(|option| !option.is_blank());
}

/// Marks each row that has the options of an earlier one: an option that they differed in has gone.
fn mark_repeated(rows: &mut [TypedVariant]) {
    let mut seen = HashSet::new();
    for row in rows.iter_mut().filter(|row| !row.deleted && !row.is_free) {
        row.deleted = !seen.insert(row.options.clone());
    }
}

/// The combinations with at least one value that was added.
fn new_combinations(columns: &[Column], rows: &[TypedVariant]) -> Result<Vec<Vec<String>>, Refused> {
    let staying = rows.iter().filter(|row| !row.deleted).count();
    let product = |counts: &mut dyn Iterator<Item = usize>| counts.fold(1_usize, usize::saturating_mul);
    let all = product(&mut columns.iter().map(|column| column.values.len()));
    let old = product(
        &mut columns
            .iter()
            .map(|column| column.values.len() - column.added.len()),
    );
    let count = match rows.is_empty() {
        true => all,
        false => all - old.min(all),
    };
    if staying.saturating_add(count) > MAX_VARIANTS {
        return Err(Refused::TooMany(staying.saturating_add(count)));
    }
    // Without it, rows that have few of the possible combinations would be compared with all of them.
    if count == 0 {
        return Ok(Vec::new());
    }
    let mut made: Vec<(Vec<String>, bool)> = vec![(Vec::new(), rows.is_empty())];
    for column in columns.iter().take(MAX_OPTIONS) {
        let longer = |(options, is_new): &(Vec<String>, bool), value: &String| {
            let mut options = options.clone();
            options.push(value.clone());
            (options, *is_new || column.added.contains(value))
        };
        made = made
            .iter()
            .flat_map(|begun| column.values.iter().map(|value| longer(begun, value)))
            .collect();
    }
    let is_there = |options: &Vec<String>| rows.iter().any(|row| !row.deleted && row.options == *options);
    made.retain(|(options, is_new)| *is_new && !is_there(options));
    Ok(made.into_iter().map(|(options, _)| options).collect())
}

/// A new row that costs and weighs what another one does.
fn made_like(pattern: &TypedVariant, options: Vec<String>) -> TypedVariant {
    TypedVariant {
        options,
        price: pattern.price.clone(),
        compare_at: pattern.compare_at.clone(),
        currency: pattern.currency.clone(),
        weight: pattern.weight.clone(),
        hs_code: pattern.hs_code.clone(),
        available: pattern.available.clone(),
        ..TypedVariant::default()
    }
}

/// Sorts the rows by the values of their options, in the sequence in which these were typed.
fn sort(rows: &mut [TypedVariant], columns: &[Column]) {
    rows.sort_by_cached_key(|row| {
        let place = |(value, column): (&String, &Column)| {
            let known = column.values.iter().position(|known| known == value);
            known.unwrap_or(usize::MAX)
        };
        row.options.iter().zip(columns).map(place).collect::<Vec<_>>()
    });
}

#[cfg(test)]
mod tests {
    use super::super::joined::Joined;
    use super::super::typed::TypedOption;
    use super::*;

    fn stored(id: usize, options: &[&str]) -> TypedVariant {
        TypedVariant {
            id: id.to_string(),
            options: options.iter().map(|value| (*value).to_owned()).collect(),
            price: "5.00".to_owned(),
            ..TypedVariant::default()
        }
    }

    fn typed(variants: Vec<TypedVariant>, options: &[(&str, &str)]) -> Typed {
        let option = |at: usize| {
            let (name, values) = options.get(at).copied().unwrap_or_default();
            TypedOption {
                name: name.to_owned(),
                values: Joined {
                    text: values.to_owned(),
                    separator: ',',
                },
                before: Joined::of(values_at(&variants, at).iter().map(String::as_str)).text,
            }
        };
        Typed {
            options: (0..MAX_OPTIONS).map(option).collect(),
            variants,
            ..Typed::default()
        }
    }

    /// The rows as `id options`, with a minus before those that are marked.
    fn rows(typed: &Typed) -> Vec<String> {
        let row = |row: &TypedVariant| {
            let mark = if row.deleted { "-" } else { "" };
            format!("{mark}{} {}", row.id, row.options.join("/"))
        };
        typed.variants.iter().map(row).collect()
    }

    #[test]
    fn the_first_options_make_all_combinations_and_keep_the_variant() {
        let mut form = typed(
            vec![stored(1, &[])],
            &[("Size", "S, M"), ("", ""), ("Colour", "Red,Blue")],
        );
        assert_eq!(expand(&mut form), Ok(Expanded { added: 3, marked: 0 }));
        assert_eq!(rows(&form), ["1 S/Red", " S/Blue", " M/Red", " M/Blue"]);
        assert_eq!(form.variants[3].price, "5.00");
        assert_eq!(form.options[1].name, "Colour");
        assert_eq!(expand(&mut form), Ok(Expanded::default()));
    }

    #[test]
    fn a_value_that_is_added_or_taken_away_changes_its_rows_only() {
        let sparse = vec![
            stored(1, &["S", "Red"]),
            stored(2, &["M", "Red"]),
            stored(3, &["M", "Blue"]),
        ];
        let mut form = typed(sparse.clone(), &[("Size", "S, M, L"), ("Colour", "Red, Blue")]);
        assert_eq!(expand(&mut form), Ok(Expanded { added: 2, marked: 0 }));
        assert_eq!(
            rows(&form),
            ["1 S/Red", "2 M/Red", "3 M/Blue", " L/Red", " L/Blue"]
        );
        let mut form = typed(sparse.clone(), &[("Size", "M"), ("Colour", "Red, Blue")]);
        assert_eq!(expand(&mut form), Ok(Expanded { added: 0, marked: 1 }));
        assert_eq!(rows(&form), ["2 M/Red", "3 M/Blue", "-1 S/Red"]);
        let mut form = typed(sparse.clone(), &[("Size", "Small, M"), ("Colour", "Blue, Red")]);
        assert_eq!(expand(&mut form), Ok(Expanded::default()));
        assert_eq!(rows(&form), ["1 Small/Red", "3 M/Blue", "2 M/Red"]);
        let mut form = typed(sparse, &[("Size", "S, M"), ("", "")]);
        assert_eq!(expand(&mut form), Ok(Expanded { added: 0, marked: 1 }));
        assert_eq!(rows(&form), ["1 S", "2 M", "-3 M"]);
    }

    #[test]
    fn a_row_with_options_of_its_own_stays() {
        let free = TypedVariant {
            is_free: true,
            options: vec!["XL".to_owned()],
            ..TypedVariant::default()
        };
        let mut form = typed(vec![stored(1, &["S"]), free], &[("Size", "S, M")]);
        form.options[0].before = "S".to_owned();
        assert_eq!(expand(&mut form), Ok(Expanded { added: 1, marked: 0 }));
        assert_eq!(rows(&form), ["1 S", " M", " XL"]);
    }

    #[test]
    fn too_many_rows_are_refused_before_they_are_made() {
        let values: Vec<String> = (0..90).map(|value| value.to_string()).collect();
        let values = values.join(",");
        let mut form = typed(
            vec![stored(1, &[])],
            &[("A", &values), ("B", &values), ("C", &values)],
        );
        assert_eq!(expand(&mut form), Err(Refused::TooMany(729_000)));
        let mut form = typed(
            vec![stored(1, &[])],
            &[("A", "1,2,3,4,5"), ("B", "1,2,3,4,5"), ("C", "1,2,3,4")],
        );
        assert_eq!(expand(&mut form), Ok(Expanded { added: 99, marked: 0 }));
        let mut form = typed(vec![stored(1, &[])], &[("A", "")]);
        assert_eq!(expand(&mut form), Err(Refused::NoValues(0)));
    }

    #[test]
    fn values_with_commas_stay_whole() {
        let mut form = typed(vec![stored(1, &["1,5 l"]), stored(2, &["2 l"])], &[("Size", "")]);
        form.options = options_of(&["Size".to_owned()], &form.variants);
        assert_eq!(form.options[0].values.text, "1,5 l; 2 l");
        form.options[0].values.text.push_str("; 3 l");
        assert_eq!(expand(&mut form), Ok(Expanded { added: 1, marked: 0 }));
        assert_eq!(rows(&form), ["1 1,5 l", "2 2 l", " 3 l"]);
    }
}
