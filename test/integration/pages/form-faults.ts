/**
 * Forms of a partner that are refused. The customer, member, segment and seller that they name exist. `field`: the one
 * that says why. `kept`: one that keeps what was typed, and its value then.
 */
export const FAULTS = [
  {
    path: "/app/vouchers",
    typed: { email: "nobody@example.com", expires_at: "12312090", uses_max: "3" },
    field: "email",
    says: "There is no such customer.",
    kept: ["expires_at", "2090-12-31"],
  },
  {
    path: "/app/vouchers",
    typed: { email: "kim@example.com", expires_at: "01012020", uses_max: "2" },
    field: "expires_at",
    says: "must be in the future",
    kept: ["uses_max", "2"],
  },
  {
    path: "/app/voucher-batches",
    typed: { expires_at: "12312090", uses_max: "0" },
    field: "uses_max",
    says: "must be an integer from 1",
    kept: ["expires_at", "2090-12-31"],
  },
  {
    path: "/app/customers",
    typed: { email: "kim@example.com", name: "Other" },
    field: "email",
    says: "A customer with this e-mail exists.",
    kept: ["name", "Other"],
  },
  {
    path: "/app/members",
    typed: { member_name: "Kim", id: "not an id" },
    field: "id",
    says: "must be an id",
    kept: ["member_name", "Kim"],
  },
  {
    path: "/app/members",
    typed: { member_name: "Kim", id: "kim" },
    field: "id",
    says: "A member with this id exists.",
    kept: ["member_name", "Kim"],
  },
  {
    path: "/app/segments",
    typed: { slug: "small", user_percent: "10" },
    field: "slug",
    says: "must be 3 to 64 characters of A-Z 0-9 _",
    kept: ["user_percent", "10"],
  },
  {
    path: "/app/segments",
    typed: { slug: "KNOWN", user_percent: "10" },
    field: "slug",
    says: "A segment with this slug exists.",
    kept: ["user_percent", "10"],
  },
  {
    path: "/app/sellers",
    typed: { name: "Kiosk", id: "known" },
    field: "id",
    says: "A seller with this id exists.",
    kept: ["name", "Kiosk"],
  },
  {
    path: "/app/webhooks",
    typed: { url: "ftp://example.com", description: "Shop" },
    field: "url",
    says: "must",
    kept: ["description", "Shop"],
  },
] as const;
