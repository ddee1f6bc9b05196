//! One page with everything, which needs nothing else.

use super::Picture;
use crate::{
    outcome::Outcome,
    report::{number::moment, table},
};

const STYLE: &str = "\
body { font: 16px/1.5 sans-serif; color: #222; background: #fff; max-width: 900px; margin: 2em auto; padding: 0 1em }
pre { background: #f5f5f5; padding: 1em; overflow-x: auto; font-size: 13px; line-height: 1.4 }
figure { margin: 1.5em 0 } svg { max-width: 100%; height: auto }
h1 { font-size: 1.5em } h2 { font-size: 1.2em; margin-top: 2em }
td, th { text-align: left; padding: 0 1.5em 0 0; vertical-align: top; font-weight: normal }";

pub(in crate::report) fn page(outcome: &Outcome, command: &str, pictures: &[Picture]) -> String {
    let name = escape(&outcome.scenario);
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n\
         <title>{name}, {} nodes, seed {}</title>\n<style>\n{STYLE}\n</style>\n</head>\n<body>\n\
         <h1>Simulation of {name}</h1>\n<pre>{}</pre>\n\
         <p>To run it again, with the same result to the last packet by the same version of the program:</p>\n\
         <pre>{}</pre>\n",
        outcome.nodes,
        outcome.seed,
        escape(&table(outcome)),
        escape(command)
    );
    if !outcome.marks.is_empty() {
        page.push_str("<h2>What happened</h2>\n<table>\n");
        for (number, mark) in (1_u32..).zip(&outcome.marks) {
            page.push_str(&format!(
                "<tr><td>{number}</td><td>{}</td><td>{}</td></tr>\n",
                escape(&moment(mark.at)),
                escape(&mark.text)
            ));
        }
        page.push_str("</table>\n");
    }
    page.push_str("<h2>Pictures</h2>\n");
    for picture in pictures {
        page.push_str(&format!("<figure>\n{}</figure>\n", picture.svg));
    }
    page.push_str("</body>\n</html>\n");
    page
}

/// Text as HTML and SVG take it.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            c if c.is_control() && c != '\n' => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}
