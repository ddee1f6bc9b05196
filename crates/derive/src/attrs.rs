//! The attributes `#[message(...)]` and `#[wire(...)]`.

use syn::meta::ParseNestedMeta;
use syn::spanned::Spanned;
use syn::{Attribute, Error, Expr, Field, Lit, LitStr, Path, Result, Token, Type};

/// What the struct says of itself.
#[derive(Default)]
pub(crate) struct ContainerAttrs {
    pub(crate) krate: Option<Path>,
    pub(crate) name: Option<LitStr>,
    pub(crate) id: Option<Expr>,
    pub(crate) unsigned: bool,
    pub(crate) global_time: bool,
    pub(crate) reply: Option<Type>,
}

/// How a field is packed.
pub(crate) enum How {
    /// By the format of its type.
    Wire,
    /// By a named format.
    As(Box<Type>),
    /// By a format of this crate, by its name.
    Builtin(&'static str),
    /// As the fields of its type.
    Inline,
}

/// What a field says of itself.
pub(crate) struct FieldAttrs {
    pub(crate) how: How,
    pub(crate) identifier: bool,
}

fn unknown(meta: &ParseNestedMeta<'_>, known: &str) -> Error {
    let path = &meta.path;
    let name = path.segments.iter().map(|segment| segment.ident.to_string()).collect::<Vec<_>>().join("::");
    meta.error(format!("unknown attribute `{name}`: known here are {known}"))
}

fn set<T>(meta: &ParseNestedMeta<'_>, slot: &mut Option<T>, value: T) -> Result<()> {
    if slot.replace(value).is_some() { Err(meta.error("given twice: keep one of them")) } else { Ok(()) }
}

fn flag(meta: &ParseNestedMeta<'_>, slot: &mut bool) -> Result<()> {
    if meta.input.peek(Token![=]) {
        return Err(meta.error("takes no value: write the name alone"));
    }
    if std::mem::replace(slot, true) { Err(meta.error("given twice: keep one of them")) } else { Ok(()) }
}

/// A value that may also stand in quotes.
fn quoted<T: syn::parse::Parse>(meta: &ParseNestedMeta<'_>) -> Result<T> {
    let value = meta.value()?;
    if value.peek(LitStr) { value.parse::<LitStr>()?.parse() } else { value.parse() }
}

impl ContainerAttrs {
    pub(crate) fn of_message(attrs: &[Attribute]) -> Result<Self> {
        let mut found = Self::default();
        for attr in attrs.iter().filter(|attr| attr.path().is_ident("message")) {
            attr.parse_nested_meta(|meta| {
                if meta.path.is_ident("id") {
                    let id = message_id(meta.value()?.parse()?)?;
                    set(&meta, &mut found.id, id)
                } else if meta.path.is_ident("name") {
                    let name = meta.value()?.parse()?;
                    set(&meta, &mut found.name, name)
                } else if meta.path.is_ident("reply") {
                    let reply = quoted(&meta)?;
                    set(&meta, &mut found.reply, reply)
                } else if meta.path.is_ident("unsigned") {
                    flag(&meta, &mut found.unsigned)
                } else if meta.path.is_ident("global_time") {
                    flag(&meta, &mut found.global_time)
                } else {
                    Err(unknown(&meta, "`id`, `unsigned`, `global_time`, `name` and `reply`"))
                }
            })?;
        }
        found.wire(attrs, false)?;
        Ok(found)
    }

    pub(crate) fn of_payload(attrs: &[Attribute]) -> Result<Self> {
        let mut found = Self::default();
        found.wire(attrs, true)?;
        Ok(found)
    }

    fn wire(&mut self, attrs: &[Attribute], payload: bool) -> Result<()> {
        for attr in attrs.iter().filter(|attr| attr.path().is_ident("wire")) {
            attr.parse_nested_meta(|meta| {
                if meta.path.is_ident("crate") {
                    let path = quoted_path(&meta)?;
                    set(&meta, &mut self.krate, path)
                } else if payload && meta.path.is_ident("name") {
                    let name = meta.value()?.parse()?;
                    set(&meta, &mut self.name, name)
                } else if payload {
                    Err(unknown(&meta, "`name` and `crate`"))
                } else {
                    Err(unknown(&meta, "`crate`; all else of a message goes into `#[message(...)]`"))
                }
            })?;
        }
        Ok(())
    }
}

fn quoted_path(meta: &ParseNestedMeta<'_>) -> Result<Path> {
    let value = meta.value()?;
    if value.peek(LitStr) {
        value.parse::<LitStr>()?.parse_with(Path::parse_mod_style)
    } else {
        value.call(Path::parse_mod_style)
    }
}

/// A literal is checked here, for a clear error; a constant by the compiler.
fn message_id(id: Expr) -> Result<Expr> {
    if let Expr::Lit(lit) = &id {
        let fits = matches!(&lit.lit, Lit::Int(int) if int.base10_parse::<u8>().is_ok());
        if !fits && !matches!(&lit.lit, Lit::Byte(_)) {
            return Err(Error::new(id.span(), "a message id is one byte: a number from 0 to 255"));
        }
    }
    Ok(id)
}

impl FieldAttrs {
    pub(crate) fn of(field: &Field, message: bool) -> Result<Self> {
        let mut how = None;
        let mut identifier = false;
        for attr in &field.attrs {
            if attr.path().is_ident("message") {
                return Err(Error::new(
                    attr.span(),
                    "`#[message(...)]` goes on the struct; fields take `#[wire(...)]`",
                ));
            }
            if !attr.path().is_ident("wire") {
                continue;
            }
            attr.parse_nested_meta(|meta| {
                let chosen = if meta.path.is_ident("as") {
                    How::As(Box::new(quoted(&meta)?))
                } else if meta.path.is_ident("raw") {
                    How::Builtin("Raw")
                } else if meta.path.is_ident("bits") {
                    How::Builtin("Bits")
                } else if meta.path.is_ident("inline") {
                    How::Inline
                } else if message && meta.path.is_ident("identifier") {
                    return flag(&meta, &mut identifier);
                } else if message {
                    return Err(unknown(&meta, "`as`, `raw`, `bits`, `inline` and `identifier`"));
                } else {
                    return Err(unknown(&meta, "`as`, `raw`, `bits` and `inline`"));
                };
                if how.replace(chosen).is_some() {
                    return Err(meta.error("a field has one format: keep one of `as`, `raw`, `bits` and `inline`"));
                }
                Ok(())
            })?;
        }
        Ok(Self { how: how.unwrap_or(How::Wire), identifier })
    }
}
