//! The code that the derives write.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{DeriveInput, Error, Generics, Lifetime, Result, WherePredicate, parse_quote};

use crate::attrs::{ContainerAttrs, How};
use crate::input::{self, Field};

pub(crate) fn payload(input: &DeriveInput) -> Result<TokenStream> {
    let attrs = ContainerAttrs::of_payload(&input.attrs)?;
    let expansion = Expansion::new(input, &attrs, false)?;
    let payload = expansion.payload();
    let wire = expansion.wire();
    Ok(quote!(#payload #wire))
}

pub(crate) fn message(input: &DeriveInput) -> Result<TokenStream> {
    let attrs = ContainerAttrs::of_message(&input.attrs)?;
    input::no_type_parameters(input)?;
    let expansion = Expansion::new(input, &attrs, true)?;
    let Some(id) = &attrs.id else {
        return Err(Error::new(input.ident.span(), "a message needs an id: write `#[message(id = 1)]` above it"));
    };
    let payload = expansion.payload();
    let message = expansion.message(id, &attrs);
    let identified = expansion.identified(&attrs)?;
    Ok(quote!(#payload #message #identified))
}

struct Expansion<'a> {
    input: &'a DeriveInput,
    fields: Vec<Field<'a>>,
    krate: TokenStream,
    name: String,
    borrowed: Option<Lifetime>,
    /// The lifetime of the input in the written code: that of the struct, if it has one.
    lifetime: Lifetime,
}

impl<'a> Expansion<'a> {
    fn new(input: &'a DeriveInput, attrs: &ContainerAttrs, message: bool) -> Result<Self> {
        let fields = input::fields(input, message)?;
        let borrowed = input::lifetime(input)?;
        let lifetime = borrowed.clone().unwrap_or_else(|| Lifetime::new("'__wire", Span::call_site()));
        let name = attrs.name.as_ref().map_or_else(|| input.ident.to_string(), syn::LitStr::value);
        let krate = input::wire_path(attrs.krate.as_ref());
        Ok(Self { input, fields, krate, name, borrowed, lifetime })
    }

    /// The generics of an implementation for the lifetime of the input.
    fn generics(&self) -> Generics {
        let (krate, lifetime) = (&self.krate, &self.lifetime);
        let mut generics = self.input.generics.clone();
        if self.borrowed.is_none() {
            generics.params.insert(0, parse_quote!(#lifetime));
        }
        if self.input.generics.type_params().next().is_some() {
            let bounds: Vec<WherePredicate> = self
                .fields
                .iter()
                .map(|Field { ty, how, .. }| match how {
                    How::Wire => parse_quote!(#ty: #krate::Wire<#lifetime>),
                    How::As(format) => parse_quote!(#format: #krate::Format<#lifetime, #ty>),
                    How::Builtin(name) => {
                        let format = format_ident!("{name}");
                        parse_quote!(#krate::format::#format: #krate::Format<#lifetime, #ty>)
                    }
                    How::Inline => parse_quote!(#ty: #krate::Payload<#lifetime>),
                })
                .collect();
            generics.make_where_clause().predicates.extend(bounds);
        }
        generics
    }

    fn payload(&self) -> TokenStream {
        let Self { input, krate, name, lifetime, .. } = self;
        let ident = &input.ident;
        let generics = self.generics();
        let (impl_generics, _, where_clause) = generics.split_for_impl();
        let (_, ty_generics, _) = input.generics.split_for_impl();

        let members = self.fields.iter().map(|field| &field.member);
        let reads = self.fields.iter().map(|field| {
            let (name, packer) = (&field.name, self.packer(field));
            let function = match field.how {
                How::Inline => quote!(read_fields),
                _ => quote!(read),
            };
            quote_spanned! {field.ty.span()=>
                match #packer::#function(r) {
                    ::core::result::Result::Ok(value) => value,
                    ::core::result::Result::Err(error) => {
                        return ::core::result::Result::Err(#krate::ReadError::at(error, #name));
                    }
                }
            }
        });
        let writes = self.fields.iter().map(|field| {
            let (name, member, packer) = (&field.name, &field.member, self.packer(field));
            let function = match field.how {
                How::Inline => quote!(write_fields),
                _ => quote!(write),
            };
            quote_spanned! {field.ty.span()=>
                if let ::core::result::Result::Err(error) = #packer::#function(&self.#member, w) {
                    return ::core::result::Result::Err(#krate::WriteError::at(error, #name));
                }
            }
        });
        let min_lens = self.fields.iter().filter_map(|field| match field.how {
            How::Wire | How::Inline => {
                let packer = self.packer(field);
                Some(quote_spanned!(field.ty.span()=> + #packer::MIN_LEN))
            }
            _ => None,
        });
        quote! {
            #[automatically_derived]
            impl #impl_generics #krate::Payload<#lifetime> for #ident #ty_generics #where_clause {
                const NAME: &'static str = #name;
                const MIN_LEN: usize = 0 #(#min_lens)*;

                #[inline]
                #[allow(unused_variables)]
                fn read_fields(
                    r: &mut #krate::Reader<#lifetime>,
                ) -> ::core::result::Result<Self, #krate::ReadError> {
                    ::core::result::Result::Ok(Self { #(#members: #reads),* })
                }

                #[inline]
                #[allow(unused_variables)]
                fn write_fields(&self, w: &mut #krate::Writer) -> ::core::result::Result<(), #krate::WriteError> {
                    #(#writes)*
                    ::core::result::Result::Ok(())
                }
            }
        }
    }

    /// The type whose functions pack a field.
    fn packer(&self, Field { ty, how, .. }: &Field<'_>) -> TokenStream {
        let Self { krate, lifetime, .. } = self;
        match how {
            How::Wire => quote_spanned!(ty.span()=> <#ty as #krate::Wire<#lifetime>>),
            How::As(format) => {
                quote_spanned!(format.span()=> <#format as #krate::Format<#lifetime, #ty>>)
            }
            How::Builtin(name) => {
                // An error points at the whole path: all of it must lie at the field.
                let format = format_ident!("{name}", span = ty.span());
                let krate = at_span(krate, ty.span());
                quote_spanned!(ty.span()=> <#krate::format::#format as #krate::Format<#lifetime, #ty>>)
            }
            How::Inline => quote_spanned!(ty.span()=> <#ty as #krate::Payload<#lifetime>>),
        }
    }

    fn wire(&self) -> TokenStream {
        let Self { input, krate, lifetime, .. } = self;
        let ident = &input.ident;
        let generics = self.generics();
        let (impl_generics, _, where_clause) = generics.split_for_impl();
        let (_, ty_generics, _) = input.generics.split_for_impl();
        quote! {
            #[automatically_derived]
            impl #impl_generics #krate::Wire<#lifetime> for #ident #ty_generics #where_clause {
                const MIN_LEN: usize = 2 + <Self as #krate::Payload<#lifetime>>::MIN_LEN;

                #[inline]
                fn read(r: &mut #krate::Reader<#lifetime>) -> ::core::result::Result<Self, #krate::ReadError> {
                    <#krate::format::Nested as #krate::Format<#lifetime, Self>>::read(r)
                }

                #[inline]
                fn write(&self, w: &mut #krate::Writer) -> ::core::result::Result<(), #krate::WriteError> {
                    <#krate::format::Nested as #krate::Format<#lifetime, Self>>::write(self, w)
                }
            }
        }
    }

    fn message(&self, id: &syn::Expr, attrs: &ContainerAttrs) -> TokenStream {
        let Self { input, krate, name, .. } = self;
        let ident = &input.ident;
        let global_time = attrs.global_time;
        let signed = !attrs.unsigned;
        let auth = format_ident!("{}", if signed { "Signed" } else { "Unsigned" });
        let (impl_generics, ty_generics, _) = input.generics.split_for_impl();
        let (at_rest, of) = match &self.borrowed {
            Some(_) => (quote!(#ident<'static>), quote!(#ident<'__of>)),
            None => (quote!(#ident), quote!(#ident)),
        };
        quote! {
            #[automatically_derived]
            impl #krate::Message for #at_rest {
                const ID: u8 = #id;
                const NAME: &'static str = #name;
                type Auth = #krate::#auth;
                const GLOBAL_TIME: bool = #global_time;
                type Of<'__of> = #of;
            }

            #[automatically_derived]
            impl #impl_generics #krate::Outgoing for #ident #ty_generics {
                const ID: u8 = #id;
                const NAME: &'static str = #name;
                const GLOBAL_TIME: bool = #global_time;
                const SIGNED: bool = #signed;

                #[inline]
                fn write_fields(&self, w: &mut #krate::Writer) -> ::core::result::Result<(), #krate::WriteError> {
                    #krate::Payload::write_fields(self, w)
                }
            }
        }
    }

    fn identified(&self, attrs: &ContainerAttrs) -> Result<TokenStream> {
        let Self { input, krate, .. } = self;
        let ident = &input.ident;
        let (impl_generics, ty_generics, _) = input.generics.split_for_impl();
        let needed = attrs.reply.as_ref().map(Spanned::span);
        let Some(field) = input::identifier(&self.fields, needed)? else {
            return Ok(TokenStream::new());
        };
        let (member, ty) = (&field.member, field.ty);
        let request = attrs.reply.as_ref().map(|reply| {
            let bound = quote_spanned!(reply.span()=> type Reply = #reply;);
            quote! {
                #[automatically_derived]
                impl #impl_generics #krate::Request for #ident #ty_generics {
                    #bound
                }
            }
        });
        Ok(quote! {
            #[automatically_derived]
            impl #impl_generics #krate::Identified for #ident #ty_generics {
                const IDENTIFIER_MAX: u64 = <#ty as #krate::__private::Identifier>::MAX;

                #[inline]
                fn identifier(&self) -> u64 {
                    #krate::__private::Identifier::to_u64(self.#member)
                }

                #[inline]
                fn set_identifier(&mut self, id: u64) {
                    self.#member = #krate::__private::Identifier::from_low_bits(id);
                }
            }

            #request
        })
    }
}

fn at_span(tokens: &TokenStream, span: Span) -> TokenStream {
    let respan = |mut token: TokenTree| {
        token.set_span(span);
        token
    };
    tokens.clone().into_iter().map(respan).collect()
}
