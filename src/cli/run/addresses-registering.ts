/** What both ways to register addresses on the command line have in common. */
import { Effect, Layer, type Option } from "effect"
import { Addresses } from "../../addresses/addresses.ts"
import { type Registrable, registrableOf } from "../../addresses/registration.ts"
import { Settings } from "../../config/settings.ts"
import { SurehookConfig } from "../../config/surehook-config.ts"
import { configLayer } from "../../ingest/config-layer.ts"
import { refuse } from "../failure.ts"
import { writing } from "./command-database.ts"
import { operatorName } from "./operator-name.ts"

/** One transaction, with what the config knows. */
export const registering = <A, E, R>(
  register: (known: Registrable, by: string) => Effect.Effect<A, E, R>
) =>
  Effect.gen(function* () {
    const known = registrableOf(yield* SurehookConfig)
    return yield* register(known, yield* operatorName)
  }).pipe(
    Effect.provide(
      Layer.merge(Addresses.layer, configLayer.pipe(Layer.provideMerge(Settings.layer)))
    ),
    writing
  )

/** The one that was named, or the only one. */
export const tenantOf = ({ tenants }: Registrable, named: Option.Option<string>, how: string) => {
  if (named._tag === "Some") return Effect.succeed(named.value)
  const [only, ...others] = tenants.keys()
  return only !== undefined && others.length === 0
    ? Effect.succeed(only)
    : refuse(
        `Say whose they are with ${how}: the config has ${[...tenants.keys()].join(", ") || "no tenant"}.`
      )
}
