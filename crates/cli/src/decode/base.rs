//! The messages of every community: introductions and punctures.

use ipv8_core::messages::{
    Flags, IntroductionRequest, IntroductionResponse, NewIntroductionRequest, NewIntroductionResponse, NewPuncture,
    NewPunctureRequest, Puncture, PunctureRequest,
};

use super::fields::{Describe, Fields, connection_type};

impl Describe for IntroductionRequest {
    fn name(&self) -> &'static str {
        "IntroductionRequest"
    }

    fn fields(self) -> Fields {
        Fields::new()
            .with("destination_address", self.destination_address)
            .with("source_lan_address", self.source_lan_address)
            .with("source_wan_address", self.source_wan_address)
            // As sent: the reference reads it inverted.
            .with("advice", self.flags.has(Flags::ADVICE))
            .with("supports_new_style", self.flags.has(Flags::REQUEST_NEW_STYLE))
            .with("connection_type", connection_type(self.flags))
            .with("identifier", self.identifier)
            .with("extra_bytes", self.extra_bytes)
    }
}

impl Describe for IntroductionResponse {
    fn name(&self) -> &'static str {
        "IntroductionResponse"
    }

    fn fields(self) -> Fields {
        Fields::new()
            .with("destination_address", self.destination_address)
            .with("source_lan_address", self.source_lan_address)
            .with("source_wan_address", self.source_wan_address)
            .with("lan_introduction_address", self.lan_introduction_address)
            .with("wan_introduction_address", self.wan_introduction_address)
            .with("connection_type", connection_type(self.flags))
            .with("supports_new_style", self.flags.has(Flags::RESPONSE_NEW_STYLE))
            .with("intro_supports_new_style", self.flags.has(Flags::INTRODUCED_NEW_STYLE))
            .with("peer_limit_reached", self.flags.has(Flags::PEER_LIMIT))
            .with("identifier", self.identifier)
            .with("extra_bytes", self.extra_bytes)
    }
}

impl Describe for NewIntroductionRequest {
    fn name(&self) -> &'static str {
        "NewIntroductionRequest"
    }

    fn fields(self) -> Fields {
        Fields::new()
            .with("destination_address", self.destination_address)
            .with("source_lan_address", self.source_lan_address)
            .with("source_wan_address", self.source_wan_address)
            .with("identifier", self.identifier)
            .with("connection_type_0", self.flags.has(0x80))
            .with("connection_type_1", self.flags.has(0x40))
            .with("supports_new_style", self.flags.has(Flags::REQUEST_NEW_STYLE))
            .with("dflag1", self.flags.has(0x10))
            .with("dflag2", self.flags.has(0x08))
            .with("tunnel", self.flags.has(0x04))
            .with("sync", self.flags.has(0x02))
            .with("advice", self.flags.has(Flags::ADVICE))
            .with("extra_bytes", self.extra_bytes)
    }
}

impl Describe for NewIntroductionResponse {
    fn name(&self) -> &'static str {
        "NewIntroductionResponse"
    }

    fn fields(self) -> Fields {
        Fields::new()
            .with("destination_address", self.destination_address)
            .with("source_lan_address", self.source_lan_address)
            .with("source_wan_address", self.source_wan_address)
            .with("lan_introduction_address", self.lan_introduction_address)
            .with("wan_introduction_address", self.wan_introduction_address)
            .with("identifier", self.identifier)
            .with("intro_supports_new_style", self.flags.has(Flags::NEW_INTRODUCED_NEW_STYLE))
            .with("flag1", self.flags.has(0x40))
            .with("flag2", self.flags.has(0x20))
            .with("flag3", self.flags.has(0x10))
            .with("flag4", self.flags.has(0x08))
            .with("flag5", self.flags.has(0x04))
            .with("flag6", self.flags.has(0x02))
            .with("flag7", self.flags.has(0x01))
            .with("extra_bytes", self.extra_bytes)
    }
}

impl Describe for PunctureRequest {
    fn name(&self) -> &'static str {
        "PunctureRequest"
    }

    fn fields(self) -> Fields {
        Fields::new()
            .with("lan_walker_address", self.lan_walker_address)
            .with("wan_walker_address", self.wan_walker_address)
            .with("identifier", self.identifier)
    }
}

impl Describe for Puncture {
    fn name(&self) -> &'static str {
        "Puncture"
    }

    fn fields(self) -> Fields {
        Fields::new()
            .with("source_lan_address", self.source_lan_address)
            .with("source_wan_address", self.source_wan_address)
            .with("identifier", self.identifier)
    }
}

impl Describe for NewPunctureRequest {
    fn name(&self) -> &'static str {
        "NewPunctureRequest"
    }

    fn fields(self) -> Fields {
        Fields::new()
            .with("lan_walker_address", self.lan_walker_address)
            .with("wan_walker_address", self.wan_walker_address)
            .with("identifier", self.identifier)
    }
}

impl Describe for NewPuncture {
    fn name(&self) -> &'static str {
        "NewPuncture"
    }

    fn fields(self) -> Fields {
        Fields::new()
            .with("source_lan_address", self.source_lan_address)
            .with("source_wan_address", self.source_wan_address)
            .with("identifier", self.identifier)
    }
}
