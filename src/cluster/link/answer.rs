//! The end of a link that is connected to: the hub's.

use super::control::{ArrivedSoFar, Control, Hello, Refusal, Welcome};
use super::error::LinkError;
use super::keys::LinkRole;
use super::lease::{Lease, Rhythm};
use super::line::{ByteStream, Line};
use super::session::Session;
use super::tls::HubTls;
use super::version::ProgramVersion;

/// A peer that has connected and said what it is.
pub struct Arrival {
    line: Line,
    role: LinkRole,
    hello: Hello,
    program: ProgramVersion,
}

impl Arrival {
    /// Reads the greeting of a connection. A peer that is another build of the program is refused.
    ///
    /// # Errors
    /// If the peer has a wrong key, is another build, or does not greet.
    pub async fn read(stream: Box<dyn ByteStream>, tls: &HubTls) -> Result<Self, LinkError> {
        let program = ProgramVersion::own();
        let (role, stream) = tls.wrap(stream).await?;
        let mut line = Line::new(stream);
        let Control::Hello(mut hello) = line.hear().await? else { return Err(LinkError::Greeting) };
        if hello.program != program {
            let error = LinkError::Version(program.differs("the peer", &hello.program));
            line.say(&Control::Refused(Refusal { program, why: None })).await?;
            line.last().await;
            return Err(error);
        }
        line.hear_further(&mut hello.arrived).await?;
        Ok(Self { line, role, hello, program })
    }

    /// Returns what it is, by its key.
    pub fn role(&self) -> LinkRole {
        self.role
    }

    /// Returns what it said.
    pub fn hello(&self) -> &Hello {
        &self.hello
    }

    /// Refuses the link for good.
    pub async fn refuse(mut self, why: &str) {
        let refusal = Refusal { program: self.program, why: Some(why.to_owned()) };
        // A peer that has hung up needs no answer.
        if self.line.say(&Control::Refused(refusal)).await.is_ok() {
            self.line.last().await;
        }
    }

    /// Goes on with a session, over this connection, until it breaks or the session ends. The peer is told the run's
    /// lease; `lease` is renewed whenever the peer is heard.
    pub async fn serve(mut self, session: &Session, lease: &Lease) -> LinkError {
        lease.renew();
        let connection = match session.attach(self.hello.arrived.numbers()) {
            Ok(connection) => connection,
            Err(violation) => {
                self.refuse(&violation.to_string()).await;
                return violation.into();
            }
        };
        let length = lease.length();
        let (arrived, further) = ArrivedSoFar::split(&session.arrived());
        let lease_milliseconds = length.as_millis().try_into().unwrap_or(u64::MAX);
        let welcome = Welcome { program: self.program, lease: lease_milliseconds, arrived };
        for greeting in std::iter::once(Control::Welcome(welcome)).chain(further) {
            if let Err(error) = self.line.say(&greeting).await {
                return error;
            }
        }
        self.line.serve(session, connection, lease, Rhythm::of(length)).await
    }
}
