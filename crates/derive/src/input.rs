//! A struct and its fields, checked.

use proc_macro_crate::{FoundCrate, crate_name};
use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote};
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Error, GenericParam, Index, Lifetime, Member, Path, Result, Type};

use crate::attrs::{FieldAttrs, How};

/// A field, and how it is packed.
pub(crate) struct Field<'a> {
    pub(crate) member: Member,
    pub(crate) name: String,
    pub(crate) ty: &'a Type,
    pub(crate) how: How,
    pub(crate) marked_identifier: bool,
}

impl Field<'_> {
    /// Whether it takes all bytes that are left.
    fn takes_rest(&self) -> bool {
        match &self.how {
            How::Builtin(name) => *name == "Raw",
            How::As(format) => match &**format {
                Type::Path(format) => format.path.segments.last().is_some_and(|last| last.ident == "Raw"),
                _ => false,
            },
            How::Wire | How::Inline => false,
        }
    }
}

/// The fields of a struct, in order.
pub(crate) fn fields(input: &DeriveInput, message: bool) -> Result<Vec<Field<'_>>> {
    let what = if message { "message" } else { "payload" };
    let data = match &input.data {
        Data::Struct(data) => data,
        Data::Enum(data) => {
            let hint = "an enum has no one layout: use a struct, or implement `ipv8_wire::Wire` for it";
            return Err(Error::new(data.enum_token.span, format!("a {what} is a struct; {hint}")));
        }
        Data::Union(data) => {
            return Err(Error::new(data.union_token.span, format!("a {what} is a struct, not a union")));
        }
    };
    let mut errors: Option<Error> = None;
    let mut fields = Vec::new();
    for (index, field) in data.fields.iter().enumerate() {
        match FieldAttrs::of(field, message) {
            Ok(FieldAttrs { how, identifier }) => fields.push(Field {
                member: match &field.ident {
                    Some(ident) => Member::Named(ident.clone()),
                    None => Member::Unnamed(Index::from(index)),
                },
                name: field.ident.as_ref().map_or_else(|| index.to_string(), plain_name),
                ty: &field.ty,
                how,
                marked_identifier: identifier,
            }),
            Err(error) => add(&mut errors, error),
        }
    }
    if let Some((_, before)) = fields.split_last() {
        for field in before.iter().filter(|field| field.takes_rest()) {
            let message = format!("`{}` takes all bytes that are left: move it behind the other fields", field.name);
            add(&mut errors, Error::new(field.member.span(), message));
        }
    }
    match errors {
        Some(error) => Err(error),
        None => Ok(fields),
    }
}

fn plain_name(ident: &syn::Ident) -> String {
    let name = ident.to_string();
    name.strip_prefix("r#").map_or_else(|| name.clone(), str::to_owned)
}

fn add(errors: &mut Option<Error>, error: Error) {
    match errors {
        Some(all) => all.combine(error),
        None => *errors = Some(error),
    }
}

/// The one lifetime that the struct may have: that of the packet it borrows from.
pub(crate) fn lifetime(input: &DeriveInput) -> Result<Option<Lifetime>> {
    let mut lifetimes = input.generics.lifetimes();
    let first = lifetimes.next();
    if let Some(second) = lifetimes.next() {
        let message = "at most one lifetime: all that is borrowed is borrowed from one packet";
        return Err(Error::new(second.span(), message));
    }
    Ok(first.map(|param| param.lifetime.clone()))
}

/// Messages have one layout: no type parameters.
pub(crate) fn no_type_parameters(input: &DeriveInput) -> Result<()> {
    for param in &input.generics.params {
        if !matches!(param, GenericParam::Lifetime(_)) {
            let message = "a message has one id and one layout: give it no parameters but a lifetime";
            return Err(Error::new(param.span(), message));
        }
    }
    Ok(())
}

/// The index of the identifier among the fields, with the name of its type.
pub(crate) fn identifier<'a, 'b>(fields: &'b [Field<'a>], needed: Option<Span>) -> Result<Option<&'b Field<'a>>> {
    let mut marked = fields.iter().filter(|field| field.marked_identifier);
    let first_marked = marked.next();
    if let Some(second) = marked.next() {
        return Err(Error::new(second.member.span(), "a message has one identifier: mark one field"));
    }
    let field = first_marked.or_else(|| fields.iter().find(|field| field.name == "identifier"));
    match (field, needed) {
        (Some(field), _) if is_identifier(field.ty) => Ok(Some(field)),
        (Some(field), needed) if field.marked_identifier || needed.is_some() => {
            Err(Error::new(field.ty.span(), "an identifier is a `u16`, `u32` or `u64`"))
        }
        (None, Some(span)) => {
            let message =
                "a request has an identifier: add a field `identifier: u32`, or mark one `#[wire(identifier)]`";
            Err(Error::new(span, message))
        }
        _ => Ok(None),
    }
}

fn is_identifier(ty: &Type) -> bool {
    matches!(ty, Type::Path(path) if path.path.segments.last().is_some_and(|last| {
        last.arguments.is_empty() && ["u16", "u32", "u64"].iter().any(|int| last.ident == int)
    }))
}

/// The path of `ipv8_wire` in the crate that uses the macro.
pub(crate) fn wire_path(given: Option<&Path>) -> TokenStream {
    if let Some(path) = given {
        return quote!(#path);
    }
    match crate_name("ipv8-wire") {
        Ok(FoundCrate::Itself) => return quote!(::ipv8_wire),
        Ok(FoundCrate::Name(name)) => {
            let name = format_ident!("{name}");
            return quote!(::#name);
        }
        Err(_) => {}
    }
    match crate_name("ipv8-rs") {
        Ok(FoundCrate::Itself) => quote!(::ipv8::wire),
        Ok(FoundCrate::Name(name)) => {
            // The library of the package `ipv8-rs` is named `ipv8`, unless the dependency is renamed.
            let name = format_ident!("{}", if name == "ipv8_rs" { "ipv8" } else { name.as_str() });
            quote!(::#name::wire)
        }
        Err(_) => quote!(::ipv8_wire),
    }
}
