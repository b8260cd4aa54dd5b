//! A local network with a seeded world, and the settings that lead to it.

use sterna::client::{Config, Provision, Services};
use sterna::config::{Environment, Flags, Need, Settings};
use sterna::proto::did::Did;
use sterna::proto::subscription;
use sterna::runtime::{Clock, ServiceRegistry};
use sterna::sandbox::world::manifest::Manifest;
use sterna::sandbox::world::plan::{Plan, Sizes};
use sterna::sandbox::{self, Sandbox, Service};

pub(crate) struct Local {
    pub(crate) sandbox: Sandbox,
    pub(crate) config: Box<Config>,
    pub(crate) world: Manifest,
    folder: tempfile::TempDir,
}

impl Local {
    pub(crate) async fn start(sizes: Sizes) -> Self {
        Self::start_with(Plan::new(7, sizes)).await
    }

    pub(crate) async fn start_with(plan: Plan) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let sandbox = Sandbox::start(sandbox::Config::in_dir(folder.path().join("local")))
            .await
            .unwrap();
        let world = sandbox::world::seed(sandbox.network(), &plan)
            .await
            .unwrap();
        let flags = Flags {
            environment: Some(Environment::Local),
            env_file: None,
            state_dir: Some(folder.path().to_owned()),
            folder: folder.path().to_owned(),
            ..Flags::default()
        };
        let settings = Settings::load(&flags, Need::Secrets).unwrap();
        let mut config = Box::new(settings.client());
        config.limits.pause = std::time::Duration::from_millis(20);
        Self {
            sandbox,
            config,
            world,
            folder,
        }
    }

    pub(crate) async fn services(&self) -> Services {
        Services::connect(&self.config, Clock::system(), ServiceRegistry::new())
            .await
            .unwrap()
    }

    pub(crate) async fn stop(self) {
        self.sandbox.shutdown().await;
        drop(self.folder);
    }

    /// What says that a customer pays for a space, with the subscription of `payer`: mostly the space.
    pub(crate) fn provision(&self, space: &Did, customer: &str, payer: &Did) -> Provision {
        Provision {
            space: space.clone(),
            customer: Did::parse(customer).unwrap(),
            provider: self.config.network.upload_service.did.clone(),
            subscription: subscription::id(payer).to_string(),
            at: "2026-01-01T00:00:00.000Z".to_owned(),
        }
    }

    /// Requests so far of one operation of one service.
    pub(crate) fn count(&self, service: Service, operation: &str) -> u64 {
        self.sandbox.network().meter.count(service, operation)
    }
}

pub(crate) fn small() -> Sizes {
    Sizes {
        customers: 2,
        spaces: 3,
        uploads: 24,
    }
}
