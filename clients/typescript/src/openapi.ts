/** The types of the API, made from the server's OpenAPI document by `npm run generate`. Do not edit. */
export interface paths {
    "/v1/transfers": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List transfers, newest first
         * @description In their current state, ordered by `created_at`, to which `from` (inclusive) and `to` (exclusive) apply. `account` selects transfers that debit or credit it, including pending, voided and expired ones.
         */
        get: operations["listTransfers"];
        put?: never;
        /**
         * Create a transfer, posted at once or pending
         * @description Rejections, in order of precedence: `same_account`, `account_not_found`, `managed_account`, `asset_mismatch`, `account_closed`, `account_frozen`, `insufficient_funds`, `ceiling_exceeded`, `limit_exceeded`, `balance_out_of_range`. With several postings, the first that fails is reported. A dry run has the same status and body, but no `id` and no Daybook-Position.
         */
        post: operations["createTransfer"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/transfers/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Get a transfer */
        get: operations["getTransfer"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/transfers/{id}/post": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Post a pending transfer, in full or in part
         * @description Allowed on a frozen debit account. If the credit account's rules refuse it, the transfer stays pending. Rejections, in order of precedence: `transfer_not_found`, `transfer_not_pending`, `transfer_expired`, `amount_exceeds_pending`, `account_closed`, `ceiling_exceeded`, `limit_exceeded`, `balance_out_of_range`.
         */
        post: operations["postTransfer"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/transfers/{id}/void": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Void a pending transfer: release its remaining amount
         * @description Partial posts that were made before stay. Rejections, in order of precedence: `transfer_not_found`, `transfer_not_pending`, `transfer_expired`.
         */
        post: operations["voidTransfer"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/transfers/{id}/revert": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Revert a transfer, at most once
         * @description Creates a transfer with debit and credit swapped and postings in reverse order. Limits do not count it. Rejections, in order of precedence: `transfer_not_found`, `transfer_not_posted`, `already_reverted`, `account_closed`, `account_frozen`, `insufficient_funds`, `ceiling_exceeded`, `balance_out_of_range`.
         */
        post: operations["revertTransfer"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/transfers/batch": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Create up to 10,000 independent transfers, in order
         * @description Items fail independently; `results[i]` is the result of item i. An item's own `idempotency_key` takes precedence over the header's, which gives item i the key `<key>#i`. In NDJSON, blank lines are skipped. MessagePack (an array of maps) is answered in MessagePack; in it an amount is an integer, or a float beyond the range of 32 bits.
         */
        post: operations["createTransferBatch"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/accounts": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List accounts sorted by id, or get several by id
         * @description With `ids`, the order is that of `ids`, and the answer also has `missing`. If it would exceed 1 MiB, it ends before, and `next_cursor`, sent with the same `ids`, fetches the rest. With `consistent=true`, each transfer between these accounts is included in full, in balances and `in_transit`, or not at all. This needs all shards to be up, and accounts that together exceed 1 MiB are refused.
         */
        get: operations["listAccounts"];
        put?: never;
        /** Open an account */
        post: operations["createAccount"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/accounts/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get an account, now or at a past moment
         * @description Write a `/` in the id as %2F. At a moment before the account existed: `account_not_found`.
         */
        get: operations["getAccount"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /** Change an account's rules or metadata */
        patch: operations["updateAccount"];
        trace?: never;
    };
    "/v1/accounts/{id}/freeze": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Freeze: refuse new debits and holds; credits still arrive */
        post: operations["freezeAccount"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/accounts/{id}/unfreeze": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Unfreeze an account */
        post: operations["unfreezeAccount"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/accounts/{id}/close": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Close an empty account */
        post: operations["closeAccount"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/accounts/{id}/entries": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List an account's entries, newest first
         * @description From `from` (inclusive) to `to` (exclusive). `Accept: text/csv` gets CSV, with the next page in the `Link` header.
         */
        get: operations["listAccountEntries"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/accounts/{id}/reconciliation": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Compare a balance with the sum of its entries */
        get: operations["getAccountReconciliation"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/partners": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List partners, sorted by id */
        get: operations["listPartners"];
        put?: never;
        /** Create a partner with its first key */
        post: operations["createPartner"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/partners/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Get a partner */
        get: operations["getPartner"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /**
         * Rename, suspend or reactivate a partner, or set its quotas
         * @description Name and status are changed first, then the quotas, in two steps. If only the first was done, repeat the request with the same idempotency key to do the second.
         */
        patch: operations["updatePartner"];
        trace?: never;
    };
    "/v1/partners/{id}/usage": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get a partner's quotas and usage
         * @description A quota applies to each shard. If several partners use much of a shard, a partner may be limited to less than its quota: to what is left of the shard's capacity.
         */
        get: operations["getPartnerUsage"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/partners/{id}/keys": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List a partner's keys, sorted by id */
        get: operations["listPartnerKeys"];
        put?: never;
        /** Create another key of a partner */
        post: operations["createPartnerKey"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/partners/{id}/keys/{key_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Revoke a key; it is refused everywhere once this is answered */
        delete: operations["deletePartnerKey"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/trial-balance": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get the sum of all balances and of amounts in transit, by asset; together they are 0
         * @description With a partner's key: of this partner. With the operator's key: of all partners.
         */
        get: operations["getTrialBalance"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/loyalty/members": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List members, newest first, or find them by name
         * @description With `name`: the members whose name begins with it, in the order of their names. Letter case does not count.
         */
        get: operations["listLoyaltyMembers"];
        put?: never;
        /** Create a member */
        post: operations["createLoyaltyMember"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/loyalty/members/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Get a member */
        get: operations["getLoyaltyMember"];
        put?: never;
        post?: never;
        /** Delete a member who has no points */
        delete: operations["deleteLoyaltyMember"];
        options?: never;
        head?: never;
        /** Rename a member */
        patch: operations["updateLoyaltyMember"];
        trace?: never;
    };
    "/v1/loyalty/members/{id}/lots": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List a member's expiring points, soonest expiry first, then pending ones, soonest beginning first */
        get: operations["listLoyaltyMemberLots"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/loyalty/members/{id}/accruals": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Credit points to a member
         * @description Moves points from `@issuance` to the member. With `expires_at` the points become a lot of their own. With `activates_at` they are pending until then; a revert before that voids their transfer.
         */
        post: operations["createLoyaltyMemberAccrual"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/loyalty/members/{id}/redemptions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Debit points from a member
         * @description Moves points from the member to `@redemption`. Points that expire soonest are spent first.
         */
        post: operations["createLoyaltyMemberRedemption"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/loyalty/movements/batch": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Credit and debit points: up to 10,000 independent movements, in order
         * @description Items fail independently; `results[i]` is the result of item i. An item's own `idempotency_key` takes precedence over the header's, which gives item i the key `<key>#i`. In NDJSON, blank lines are skipped. MessagePack (an array of maps) is answered in MessagePack; in it an amount is an integer, or a float beyond the range of 32 bits.
         */
        post: operations["createPointsMovementBatch"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/loyalty/members/{id}/entries": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List a member's entries, newest first */
        get: operations["listLoyaltyMemberEntries"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/loyalty/summary": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get the totals of all members
         * @description `outstanding` is the sum of all balances. `pending` are points that begin later: they are part of no other total.
         */
        get: operations["getLoyaltySummary"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/loyalty/settings": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get the balance thresholds
         * @description Points above which there is an event: `loyalty.member.above_threshold` when one member's balance rises above `member_threshold`, `loyalty.total.above_threshold` when the sum of all balances rises above `total_threshold`. A changed threshold is no event by itself.
         */
        get: operations["getLoyaltySettings"];
        /**
         * Replace the balance thresholds
         * @description Points above which there is an event: `loyalty.member.above_threshold` when one member's balance rises above `member_threshold`, `loyalty.total.above_threshold` when the sum of all balances rises above `total_threshold`. A changed threshold is no event by itself.
         */
        put: operations["putLoyaltySettings"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/customers": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List customers, newest first */
        get: operations["listCustomers"];
        put?: never;
        /** Create a customer */
        post: operations["createCustomer"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/customers/{email}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Get a customer */
        get: operations["getCustomer"];
        put?: never;
        post?: never;
        /**
         * Erase a customer
         * @description The name and the e-mail become unreadable for good: in events and lists, in the log, its archive and their backups. The customer's vouchers can be used no more. A new customer with this e-mail has none of them.
         */
        delete: operations["deleteCustomer"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/offers/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Get an offer */
        get: operations["getOffer"];
        /**
         * Create or replace an offer
         * @description Either `discount`, or `amount` with `asset`. A replaced offer may change from one to the other: its vouchers with `live` pricing that are not used up follow, those with `snapshot` pricing keep what they had at their issue.
         */
        put: operations["putOffer"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/offers": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List offers, newest first */
        get: operations["listOffers"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/vouchers": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List a customer's vouchers, newest first
         * @description Vouchers that were redeemed, cancelled or have expired more than 30 days ago come last, those that were settled last first. A page may have fewer than `limit` of them although more follow, and one that passes the 30 days while the pages are read can come twice.
         */
        get: operations["listVouchers"];
        put?: never;
        /**
         * Issue a voucher to a customer
         * @description `discount`, or `amount` with `asset`, creates the offer, or changes what it grants, atomically with the voucher. Without them the offer must exist.
         */
        post: operations["createVoucher"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/vouchers/{code}/validate": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Check whether a voucher can be redeemed now; changes nothing */
        post: operations["validateVoucher"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/vouchers/{code}/redeem": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Redeem a voucher
         * @description Takes one use. The name of the API key is kept with the redemption.
         */
        post: operations["redeemVoucher"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/vouchers/{code}/rollback": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Roll back a redemption
         * @description Gives one use back: that of the redemption that `redemption` names, or else of the latest one. Each redemption can be rolled back once, and only the latest 100 that were not. A voucher that was used up is valid again, or expired if `expires_at` has passed; an expired or cancelled voucher stays so.
         */
        post: operations["rollbackVoucher"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/vouchers/{code}/cancel": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Cancel a valid voucher for good */
        post: operations["cancelVoucher"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/voucher-batches": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Issue a voucher to each of many customers
         * @description The vouchers are issued in the background, from `run_at` on. `run_at` must be before `expires_at`.
         */
        post: operations["createVoucherBatch"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/voucher-batches/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Get the progress of a voucher batch */
        get: operations["getVoucherBatch"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/voucher-batches/{id}/codes": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the vouchers of a batch in the order of their issue
         * @description `Accept: text/csv` gets all of them as one file, from `cursor` on if it is given; `limit` is for JSON only. While the batch runs, the list may lack codes: read it from the beginning once the batch is completed.
         */
        get: operations["listVoucherBatchCodes"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sellers": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List sellers, newest first
         * @description A seller's key lists only its own seller.
         */
        get: operations["listSellers"];
        put?: never;
        /**
         * Create a seller with an API key of its own
         * @description The seller and its key are created one after the other. If only the seller was created, retry with the same idempotency key to create the key; without an idempotency key, create a key of role `seller`.
         */
        post: operations["createSeller"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sellers/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Get a seller with its credit and totals */
        get: operations["getSeller"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /** Change a seller's limits, and the credit below which it is reported */
        patch: operations["updateSeller"];
        trace?: never;
    };
    "/v1/sellers/{id}/suspend": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Suspend a seller: refuse its top-ups */
        post: operations["suspendSeller"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sellers/{id}/resume": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Resume a suspended seller */
        post: operations["resumeSeller"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sellers/{id}/entries": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List the entries of a seller's credit, newest first */
        get: operations["listSellerEntries"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sellers/{id}/reconciliation": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Compare a seller's credit with the sum of its entries */
        get: operations["getSellerReconciliation"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sellers/{id}/settlement": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get a seller's settlement of one day
         * @description `date` must not be in the future. All amounts are in minor units.
         */
        get: operations["getSellerSettlement"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sellers/{id}/report": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get a seller's settlements of several days
         * @description One row per day that has begun, oldest first, at most 31. A report of many entries ends early: `next_from` (of CSV: the `Link` header) says where to go on. `Accept: text/csv` gets CSV.
         */
        get: operations["getSellerReport"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/credit-requests": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List credit requests, newest first
         * @description A seller's key lists only the seller's own requests. Those that were decided more than 30 days ago come last, those that were decided last first. A page may have fewer than `limit` of them although more follow, and one that passes the 30 days while the pages are read can come twice.
         */
        get: operations["listCreditRequests"];
        put?: never;
        /** Request an increase or decrease of credit */
        post: operations["createCreditRequest"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/credit-requests/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Get a credit request */
        get: operations["getCreditRequest"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/credit-requests/{id}/approve": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Approve a credit request
         * @description Moves the amount. A decrease that exceeds the seller's credit is rejected, and the request stays pending. The key that made the request cannot approve it.
         */
        post: operations["approveCreditRequest"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/credit-requests/{id}/reject": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Reject a credit request */
        post: operations["rejectCreditRequest"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/credit-requests/{id}/withdraw": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Withdraw the seller's own credit request
         * @description With the seller's key. The partner rejects a request instead.
         */
        post: operations["withdrawCreditRequest"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/topups": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List top-ups, newest first
         * @description From `from` (inclusive) to `to` (exclusive). A seller's key lists only the seller's own top-ups.
         */
        get: operations["listTopups"];
        put?: never;
        /**
         * Top up a phone
         * @description Moves the amount from the seller's credit to the phone. If the server asks an operator, the top-up is `pending` and its amount held until the operator answers; it does not expire.
         */
        post: operations["createTopup"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/topups/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Get a top-up */
        get: operations["getTopup"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/topups/{id}/confirm": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Confirm a pending or unknown top-up: the operator has charged the phone
         * @description Moves the held amount. The operator is still asked: if it contradicts the decision later, nothing is moved, there is an event `topup.conflict`, and `GET /v1/topups?status=conflict` lists the top-up.
         */
        post: operations["confirmTopup"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/topups/{id}/fail": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Fail a pending or unknown top-up: the operator has not charged the phone
         * @description Releases the held amount. The operator is still asked: if it contradicts the decision later, nothing is moved, there is an event `topup.conflict`, and `GET /v1/topups?status=conflict` lists the top-up.
         */
        post: operations["failTopup"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/topup-settings": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get the limits of top-ups to one phone
         * @description `phone_limits` are those of each seller's top-ups to one phone. The daily ones are on the top-ups of any 24 hours, in 60 buckets of which the oldest counts in full, as with limits of accounts. They count from when a daily limit is set. A top-up counts when it is made and is given back when it fails; reverts do not count. A member that is absent or null is no limit.
         */
        get: operations["listTopupSettings"];
        /**
         * Replace the limits of top-ups to one phone
         * @description `phone_limits` are those of each seller's top-ups to one phone. The daily ones are on the top-ups of any 24 hours, in 60 buckets of which the oldest counts in full, as with limits of accounts. They count from when a daily limit is set. A top-up counts when it is made and is given back when it fails; reverts do not count. A member that is absent or null is no limit.
         */
        put: operations["putTopupSettings"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/phones": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List charged phones, ordered by digits */
        get: operations["listPhones"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/phones/{phone}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get the totals of a phone
         * @description For its history, list the top-ups with this phone.
         */
        get: operations["getPhone"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/segments": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List segments, newest first */
        get: operations["listSegments"];
        put?: never;
        /**
         * Create a segment
         * @description With `user_percent`, exactly that share of the existing users is added, chosen by a stable hash; users who are created later are added if their hash falls below the percentage. The answer is sent once all chosen users are in the segment.
         */
        post: operations["createSegment"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/segments/{slug}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Get a segment and its number of members */
        get: operations["getSegment"];
        put?: never;
        post?: never;
        /**
         * Delete a segment and all its memberships
         * @description Takes effect at once. A new segment with the same slug starts without members.
         */
        delete: operations["deleteSegment"];
        options?: never;
        head?: never;
        /**
         * Set, raise or lower the percentage of a segment
         * @description A higher percentage adds users, a lower one removes those automatic members who were chosen last, down to that share of the users. Members who were added by hand stay; who was removed by hand is not added again. The answer is sent once the members are right.
         */
        patch: operations["updateSegment"];
        trace?: never;
    };
    "/v1/segments/{slug}/users": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List the users of a segment, newest users first */
        get: operations["listSegmentUsers"];
        put?: never;
        /**
         * Add up to 10,000 users to a segment
         * @description Creates users who do not exist. Users who are in the segment already do not count as added.
         */
        post: operations["addSegmentUsers"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/segments/{slug}/users/remove": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Remove up to 10,000 users from a segment
         * @description As by hand: a percentage does not add them again. Users who are unknown, or not in the segment, do not count as removed.
         */
        post: operations["removeSegmentUsers"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/users": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List users, newest first */
        get: operations["listUsers"];
        put?: never;
        /**
         * Create a user
         * @description Without an `id`, the user gets the next free integer, greater than all integers assigned before.
         */
        post: operations["createUser"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/users/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Get a user */
        get: operations["getUser"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/users/{id}/segments": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the segments of a user
         * @description An unknown user has no segments; the answer is not 404, because other systems may assign user ids.
         */
        get: operations["listUserSegments"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /**
         * Add a user to segments and remove the user from others, atomically
         * @description Adds come before removes. A user who does not exist is created. A segment that the user is in already does not count as added, and its expiry can be moved to a later time or removed, but never to an earlier time.
         */
        patch: operations["updateUserSegments"];
        trace?: never;
    };
    "/v1/segment-reports": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Request a monthly report of who entered and left which segment
         * @description The month is in UTC. The `url` needs no API key. It is valid for 24 hours, or until the API key that requested it is revoked. A retry with the same idempotency key has `url: null`: the URL is shown once.
         */
        post: operations["createSegmentReport"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/segment-reports/{report}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Download a report
         * @description CSV in the order of the log, oldest first. The signed URL is the only credential.
         */
        get: operations["downloadSegmentReport"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/partners/{id}/report-secret/rotate": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Rotate the secret that signs report URLs
         * @description All report URLs issued so far stop working. Reports requested from now on are signed with the new secret.
         */
        post: operations["rotateReportSecret"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/wallet/signup": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Open a wallet and log in
         * @description A retry with the same idempotency key starts no session and shows no token: log in instead. A retry with another password gets `idempotency_key_reused`. More than 500 sign-ups an hour from one address are `rate_limited`.
         */
        post: operations["signUp"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/wallet/login": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Log in
         * @description Each login starts a session; a user's 51st ends the oldest. Logins are `rate_limited` after 10 failures a minute for one e-mail from one address, or after 100 for one e-mail or from one address. Requests that carry a session of the user are counted separately. The idempotency key is ignored.
         */
        post: operations["logIn"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/wallet/password": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Change the password and end all sessions
         * @description The idempotency key is ignored, because a retry has no session.
         */
        post: operations["changePassword"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/wallet-users/{id}/password-reset": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Issue a token that resets a user's password
         * @description For `POST /v1/wallet/password/reset`, once, within an hour. A new token replaces the one before. Make sure who asks before you hand it out.
         */
        post: operations["issuePasswordReset"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/wallet/password/reset": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Set a new password with a token, and end all sessions
         * @description More than 10 wrong tokens a minute from one address are `rate_limited`. The idempotency key is ignored: a token works once.
         */
        post: operations["resetPassword"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/wallet/refresh": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Replace the token of the session
         * @description The old token stays valid for 60 s. The session still expires 30 days after the login. The idempotency key is ignored: a retry gets another token.
         */
        post: operations["refreshSession"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/wallet/logout": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Log out: end the session
         * @description The idempotency key is ignored, because a retry has no session.
         */
        post: operations["logOut"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/wallet": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Get the user's wallet */
        get: operations["getWallet"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/wallet/entries": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List the wallet's entries, newest first */
        get: operations["listWalletEntries"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/wallet/transfers": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Send money to another wallet
         * @description The recipient is named by its wallet or by the e-mail of its user. An unknown e-mail is `wallet_not_found`, whatever the reason; 50 a minute of one wallet, or 200 from one address, are `rate_limited`.
         */
        post: operations["createWalletTransfer"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/wallet/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the wallet's events, oldest first, or follow them as a stream
         * @description With `Accept: text/event-stream` the answer is a stream of server-sent events: those after `after` or `Last-Event-ID`, or, without either, those from now on.
         */
        get: operations["listWalletEvents"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/wallet/holds": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the wallet's holds, newest first
         * @description `role=payer` (the default) lists holds of the wallet's own money, `role=payee` those that name the wallet. For each payer: all pending holds, and the newest others of the last 30 days, up to 500 in total. Those that ended more than 30 days ago come last, those that ended last first. A page may have fewer than `limit` of them although more follow, and one that passes the 30 days while the pages are read can come twice.
         */
        get: operations["listWalletHolds"];
        put?: never;
        /**
         * Hold money of the wallet
         * @description The amount stays in `balance`, but leaves `available` until the hold is captured, voided or expires. A hold may name a payee: then the payee alone captures or voids it, and the payer waits for its expiry. The recipient is named by its wallet or by the e-mail of its user. An unknown e-mail is `wallet_not_found`, whatever the reason; 50 a minute of one wallet, or 200 from one address, are `rate_limited`.
         */
        post: operations["createWalletHold"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/wallet/holds/{id}/capture": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Capture a hold in full or in part
         * @description By the payer, for the wallet that the body names; or, if the hold names a payee, by the payee for its own wallet. The recipient is named by its wallet or by the e-mail of its user. An unknown e-mail is `wallet_not_found`, whatever the reason; 50 a minute of one wallet, or 200 from one address, are `rate_limited`.
         */
        post: operations["captureWalletHold"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/wallet/holds/{id}/void": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Void a hold: release what remains
         * @description By the payer; or, if the hold names a payee, by the payee alone.
         */
        post: operations["voidWalletHold"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/wallet/payment-requests": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List payment requests to or from the wallet, newest first
         * @description `role=payer` (the default) lists requests that this wallet may pay, `role=requester` those that it has terms. For each payer: all pending requests, and the newest others of the last 30 days, up to 500 in total. Those that ended more than 30 days ago come last, those that ended last first. A page may have fewer than `limit` of them although more follow, and one that passes the 30 days while the pages are read can come twice.
         */
        get: operations["listWalletPaymentRequests"];
        put?: never;
        /**
         * Request money from another wallet
         * @description The recipient is named by its wallet or by the e-mail of its user. An unknown e-mail is `wallet_not_found`, whatever the reason; 50 a minute of one wallet, or 200 from one address, are `rate_limited`.
         */
        post: operations["createWalletPaymentRequest"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/wallet/payment-requests/{id}/accept": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Accept and pay a payment request
         * @description Without sufficient funds the request stays pending.
         */
        post: operations["acceptWalletPaymentRequest"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/wallet/payment-requests/{id}/decline": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Decline a payment request */
        post: operations["declineWalletPaymentRequest"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/wallet/payment-requests/{id}/cancel": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Cancel the wallet's own payment request */
        post: operations["cancelWalletPaymentRequest"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/wallet/withdrawals": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the wallet's withdrawals, newest first
         * @description All pending withdrawals, and the newest others of the last 30 days, up to 500 in total. Those that ended more than 30 days ago come last, those that ended last first. A page may have fewer than `limit` of them although more follow, and one that passes the 30 days while the pages are read can come twice.
         */
        get: operations["listWalletWithdrawals"];
        put?: never;
        /**
         * Request a payout by a bank
         * @description The amount is held until a bank confirms the withdrawal, or marks it as failed.
         */
        post: operations["createWalletWithdrawal"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/withdrawals": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the withdrawals of all wallets, newest first
         * @description For each wallet: all pending withdrawals, and the newest others of the last 30 days, up to 500 in total. Those that ended more than 30 days ago come last, those that ended last first. A page may have fewer than `limit` of them although more follow, and one that passes the 30 days while the pages are read can come twice.
         */
        get: operations["listWithdrawals"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/withdrawals/{id}/confirm": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Confirm a payout: move the held money to the bank's account */
        post: operations["confirmWithdrawal"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/withdrawals/{id}/fail": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Fail a payout: release the held money to the wallet */
        post: operations["failWithdrawal"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/deposits": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List the calling bank's deposits, newest first */
        get: operations["listDeposits"];
        put?: never;
        /**
         * Deposit money into a wallet
         * @description Debits the account `@bank:<name of the key>`. API keys with the same name belong to the same bank.
         */
        post: operations["createDeposit"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/deposits/{id}/return": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Take a deposit of the calling bank back
         * @description In full, once, also from a frozen wallet. Not what the user has spent or holds: `insufficient_funds`. A deposit that the platform has corrected is `already_reverted`.
         */
        post: operations["returnDeposit"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/wallet-transfers/{id}/correct": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Correct a deposit, or a transfer between wallets
         * @description Takes the money back to where it came from, in full or in part, once, also from a frozen wallet. The reason stands in the books, and both sides see it. Transfers between wallets are those of `/v1/wallet/transfers`, of accepted payment requests, and of holds that name a payee; others are `not_correctable`.
         */
        post: operations["correctWalletTransfer"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/wallet-users": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Find a wallet user by e-mail
         * @description One user, or none.
         */
        get: operations["listWalletUsers"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/wallet-users/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Get a wallet user */
        get: operations["getWalletUser"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/wallet-users/{id}/freeze": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Freeze a wallet: no debits and no new holds
         * @description Credits still arrive, and older holds and withdrawals can end. Sessions stay: the user may log in and read.
         */
        post: operations["freezeWalletUser"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/wallet-users/{id}/unfreeze": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Unfreeze a wallet */
        post: operations["unfreezeWalletUser"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/wallet-users/{id}/limits": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /** Replace the limits of a wallet */
        put: operations["putWalletUserLimits"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/wallet-users/{id}/close": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Close a wallet for good
         * @description The balance and what is held must be 0, and no payment request of the wallet and no hold for it may be pending. Payment requests to it are declined, its sessions end, and its logins are `bad_credentials`. The e-mail stays bound: nobody can sign up with it.
         */
        post: operations["closeWalletUser"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/monitors": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List monitors, newest first */
        get: operations["listMonitors"];
        put?: never;
        /**
         * Watch the balance of an account, or of each account with a prefix
         * @description Each time that a balance crosses the value, there is one event `monitor.crossed`, decided with the change that crosses. A new monitor reports nothing by itself. A partner may have 1000 monitors: 8 of one account, and 8 with a prefix.
         */
        post: operations["createMonitor"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/monitors/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Get a monitor */
        get: operations["getMonitor"];
        put?: never;
        post?: never;
        /** Delete a monitor */
        delete: operations["deleteMonitor"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/webhooks": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List webhooks, newest first */
        get: operations["listWebhooks"];
        put?: never;
        /**
         * Send events to a URL
         * @description Events from now on are sent as POST requests with the headers of Standard Webhooks, at least once, each time with the same id, and for each subject in its order. An answer other than 2xx within 10 s is a failure, also a redirect. A failed event is tried again after 2 to 5 s, then after twice as long each time, and holds back later events of its subject; after a day it is parked, if the endpoint has accepted others meanwhile.
         */
        post: operations["createWebhook"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/webhooks/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Get a webhook */
        get: operations["getWebhook"];
        put?: never;
        post?: never;
        /**
         * Delete a webhook
         * @description Requests that are in flight are not called back.
         */
        delete: operations["deleteWebhook"];
        options?: never;
        head?: never;
        /**
         * Change a webhook, or switch it off and on
         * @description While a webhook is off, its events wait. Once it is on again, all of them are sent that are not older than 30 days.
         */
        patch: operations["updateWebhook"];
        trace?: never;
    };
    "/v1/webhooks/{id}/rotate": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Rotate the secret that signs a webhook's events
         * @description For 24 hours the secret before signs as well: a request then has two signatures.
         */
        post: operations["rotateWebhookSecret"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/webhooks/{id}/replay": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Send all events since a time again
         * @description Events are kept for 30 days. Whatever was delivered, held back or parked: delivery begins again at this time, and for each subject in its order. Undelivered events before it are left out.
         */
        post: operations["replayWebhook"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/webhooks/{id}/deliveries": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List deliveries, newest event first
         * @description Kept are the newest thousand that were delivered, and the newest thousand others. The list is no part of the ledger and may be lost; the deliveries themselves are not.
         */
        get: operations["listWebhookDeliveries"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/webhooks/{id}/test": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Send an event for a test
         * @description Its type is `webhook.test`. It is sent once, also to a webhook that is off.
         */
        post: operations["testWebhook"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/webhooks/{id}/deliveries/{delivery}/retry": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Send an event again
         * @description At once, and whatever became of it. If it is held back, its subject is tried again in its order.
         */
        post: operations["retryWebhookDelivery"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List events, oldest first, or follow them as a stream
         * @description With `Accept: text/event-stream` the answer is a stream of server-sent events: those after `after` or `Last-Event-ID`, or, without either, those from now on.
         */
        get: operations["listEvents"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/loyalty/statistics": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get the outstanding points over time
         * @description One row per step, at most 1500. `at` is the moment of the row: all records with log time up to it count. The statistics service writes the values once a minute, so they lag by a minute or two. `Accept: text/csv` gets CSV.
         */
        get: operations["getLoyaltyStatistics"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/statistics/loyalty": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get the outstanding points over time
         * @description One row per step, at most 1500. `at` is the moment of the row: all records with log time up to it count. The statistics service writes the values once a minute, so they lag by a minute or two. `Accept: text/csv` gets CSV.
         */
        get: operations["getStatisticsLoyalty"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/statistics/vouchers": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get the number of vouchers over time, by status
         * @description One row per step, at most 1500. `at` is the moment of the row: all records with log time up to it count. The statistics service writes the values once a minute, so they lag by a minute or two. `Accept: text/csv` gets CSV.
         */
        get: operations["listStatisticsVouchers"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/statistics/topup": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get the top-up sales of each step, and the sales that were reverted in it
         * @description One row per step, at most 1500. `at` is the beginning of the step. The row of a step that is not over counts up to `complete_until`. The statistics service writes the values once a minute, so they lag by a minute or two. `Accept: text/csv` gets CSV.
         */
        get: operations["getStatisticsTopup"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/statistics/wallets": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get the deposits, payments and confirmed withdrawals of all wallets in each step
         * @description One row per step, at most 1500. `at` is the beginning of the step. The row of a step that is not over counts up to `complete_until`. The statistics service writes the values once a minute, so they lag by a minute or two. `Accept: text/csv` gets CSV.
         */
        get: operations["listStatisticsWallets"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/healthz": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Check that the process is alive */
        get: operations["getHealth"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/readyz": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Check that all shards have recovered and the log is durable
         * @description If not ready: a problem with `reasons`. `warnings` lists settings that weaken durability or security.
         */
        get: operations["getReadiness"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/metrics": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Metrics for Prometheus */
        get: operations["getMetrics"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/admin/shards": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List all shards */
        get: operations["listShards"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/admin/shards/{n}/restart": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Restart one shard; the others keep serving */
        post: operations["restartShard"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/admin/snapshots": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Take a snapshot of every shard
         * @description Shards take them one after the other. `/v1/admin/shards` shows each shard's newest snapshot.
         */
        post: operations["takeSnapshots"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Start page with links */
        get: operations["getHome"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/openapi.json": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Get this document */
        get: operations["getOpenApiDocument"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/docs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show this document as a page */
        get: operations["getDocs"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/docs/{file}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Get a file of the documentation page */
        get: operations["getDocsFile"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/problems/{code}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Explain a problem code */
        get: operations["getProblem"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export interface components {
    schemas: {
        /**
         * @example {
         *       "id": "ev_8Jr0cQvZ1mXJq3d5Yt2k7w",
         *       "type": "loyalty.member.above_threshold",
         *       "at": "2026-11-20T10:00:00.000Z",
         *       "subject": "alice",
         *       "position": "0:1-42",
         *       "data": {
         *         "member": "alice",
         *         "balance": 1001,
         *         "transfer_id": "tr_0a11001"
         *       }
         *     }
         */
        Event: {
            id: string;
            /** @enum {string} */
            type: "transfer.posted" | "transfer.pending" | "transfer.voided" | "transfer.expired" | "transfer.reverted" | "transfer.failed" | "transfer.received" | "account.created" | "account.updated" | "account.frozen" | "account.closed" | "loyalty.member.above_threshold" | "loyalty.member.depleted" | "loyalty.total.above_threshold" | "voucher.issued" | "voucher.redeemed" | "voucher.rolled_back" | "voucher.cancelled" | "voucher.expired" | "segment.member_added" | "segment.member_removed" | "credit_request.created" | "credit_request.decided" | "topup.completed" | "topup.failed" | "topup.unknown" | "topup.conflict" | "seller.low_credit" | "wallet.deposited" | "wallet.sent" | "wallet.received" | "payment_request.created" | "payment_request.decided" | "withdrawal.created" | "withdrawal.decided" | "monitor.crossed";
            /** Format: date-time */
            at: string;
            subject: string;
            position: string;
            data: {
                [key: string]: unknown;
            };
        };
        /**
         * @example {
         *       "id": "tr_0a11001",
         *       "status": "posted",
         *       "postings": [
         *         {
         *           "debit_account": "@issuance",
         *           "credit_account": "alice/points",
         *           "amount": 2500
         *         }
         *       ],
         *       "posted_amount": 2500,
         *       "memo": "order 1017",
         *       "metadata": {},
         *       "created_at": "2026-11-20T10:00:00.000Z",
         *       "balances": {
         *         "alice/points": {
         *           "posted": 2500,
         *           "held": 0,
         *           "available": 2500,
         *           "seq": 1
         *         }
         *       }
         *     }
         */
        TransferWithBalances: {
            id: string;
            /** @enum {string} */
            status: "posted" | "pending" | "voided" | "expired";
            postings: components["schemas"]["Posting"][];
            /** @description Only of movements of loyalty points. */
            reference?: string;
            /** @description The amount posted so far, summed over all postings. */
            posted_amount: number;
            memo: string | null;
            metadata: {
                [key: string]: string;
            };
            /**
             * Format: date-time
             * @description Only if it was created pending with `timeout_s`.
             */
            expires_at?: string;
            /** Format: date-time */
            occurred_at?: string;
            /** Format: date-time */
            created_at: string;
            /** @description Id of the transfer that this one reverts. */
            reverts?: string;
            /** @description Balances by account, without system accounts. */
            balances: {
                [key: string]: {
                    /** @example 2500 */
                    posted: number;
                    /** @example 2500 */
                    held: number;
                    /** @example 2500 */
                    available: number;
                    seq: number;
                };
            };
        };
        Posting: {
            /** @example @issuance */
            debit_account: string;
            /** @example alice/points */
            credit_account: string;
            /** @example 2500 */
            amount: number;
        };
        /** @description The result that the request would have. It has no id, because nothing was created. */
        DryRun: {
            /** @enum {string} */
            status: "posted" | "pending" | "voided" | "expired";
            postings: components["schemas"]["Posting"][];
            /** @description Only of movements of loyalty points. */
            reference?: string;
            /** @description The amount posted so far, summed over all postings. */
            posted_amount: number;
            memo: string | null;
            metadata: {
                [key: string]: string;
            };
            /**
             * Format: date-time
             * @description Only if it was created pending with `timeout_s`.
             */
            expires_at?: string;
            /** Format: date-time */
            occurred_at?: string;
            /** Format: date-time */
            created_at: string;
            /** @description Id of the transfer that this one reverts. */
            reverts?: string;
            /** @description Balances by account, without system accounts. */
            balances: {
                [key: string]: {
                    /** @example 2500 */
                    posted: number;
                    /** @example 2500 */
                    held: number;
                    /** @example 2500 */
                    available: number;
                    seq: number;
                };
            };
        };
        /**
         * @example {
         *       "type": "/problems/insufficient_funds",
         *       "title": "The debit account has too little available.",
         *       "status": 422,
         *       "code": "insufficient_funds",
         *       "detail": "alice/points has too little available.",
         *       "retryable": false
         *     }
         */
        Problem: {
            type: string;
            title: string;
            status: number;
            /** @enum {string} */
            code: "validation_failed" | "unauthenticated" | "bad_credentials" | "bad_reset_token" | "forbidden" | "not_found" | "account_not_found" | "transfer_not_found" | "partner_not_found" | "key_not_found" | "member_not_found" | "seller_not_found" | "monitor_not_found" | "credit_request_not_found" | "topup_not_found" | "phone_not_found" | "segment_not_found" | "user_not_found" | "report_not_found" | "wallet_not_found" | "wallet_user_not_found" | "deposit_not_found" | "hold_not_found" | "payment_request_not_found" | "withdrawal_not_found" | "shard_not_found" | "customer_not_found" | "offer_not_found" | "voucher_not_found" | "voucher_batch_not_found" | "webhook_not_found" | "delivery_not_found" | "method_not_allowed" | "request_timeout" | "client_closed_request" | "account_exists" | "partner_exists" | "member_exists" | "customer_exists" | "customer_erased" | "customer_not_encrypted" | "voucher_already_redeemed" | "voucher_cancelled" | "not_redeemed" | "seller_exists" | "already_decided" | "approver_is_requester" | "duplicate_reference" | "segment_exists" | "user_exists" | "hold_of_payee" | "email_taken" | "percent_changed" | "transfer_not_pending" | "transfer_not_posted" | "already_reverted" | "transfer_expired" | "voucher_expired" | "report_expired" | "events_expired" | "body_too_large" | "batch_too_large" | "unsupported_media_type" | "expectation_failed" | "same_account" | "managed_account" | "asset_mismatch" | "account_closed" | "account_frozen" | "insufficient_funds" | "ceiling_exceeded" | "limit_exceeded" | "balance_out_of_range" | "not_correctable" | "amount_exceeds_transfer" | "amount_exceeds_pending" | "balance_conflict" | "account_not_empty" | "metadata_too_large" | "seller_suspended" | "amount_below_minimum" | "amount_above_maximum" | "daily_limit_exceeded" | "too_many_pending_requests" | "too_many_keys" | "too_many_monitors" | "too_many_offers" | "redemption_too_old" | "too_many_batches" | "percent_lowered" | "too_many_percent_changes" | "too_many_segments" | "too_many_webhooks" | "too_many_references" | "too_many_pending" | "quota_exceeded" | "idempotency_key_reused" | "idempotency_key_expired" | "rate_limited" | "headers_too_large" | "internal_error" | "not_implemented" | "overloaded" | "log_unavailable" | "outcome_unknown" | "archive_damaged" | "statistics_unavailable";
            detail: string;
            retryable: boolean;
            errors?: {
                path: string;
                message: string;
            }[];
            /** @description With `duplicate_reference`: id of the transfer that used the reference first. */
            id?: string;
        };
        /**
         * @example {
         *       "debit_account": "@issuance",
         *       "credit_account": "alice/points",
         *       "amount": 2500,
         *       "memo": "order 1017"
         *     }
         */
        TransferRequest: {
            /** @example @issuance */
            debit_account: string;
            /** @example alice/points */
            credit_account: string;
            /** @description "available" moves the available balance of the debit account, which must not be a system account; if that is 0: `insufficient_funds`. No balance may leave ±2^52, including reservations of other transfers; else: `balance_out_of_range`. */
            amount: number | "available";
            /**
             * @description Only with `amount: "available"`: the maximum amount.
             * @example 2500
             */
            max_amount?: number;
            /** @example order 1017 */
            memo?: string;
            /**
             * @description At most 32768 bytes as JSON.
             * @example {
             *       "order": "1017"
             *     }
             */
            metadata?: {
                [key: string]: string;
            };
            /** @description Hold the amount until the transfer is posted, voided or expired. */
            pending?: boolean;
            /** @description Time until a pending transfer expires. Absent: never. Only with `pending: true`. */
            timeout_s?: number;
            /**
             * Format: date-time
             * @example 2026-11-20T10:00:00.000Z
             */
            occurred_at?: string;
        } | {
            /** @description Applied all or none, in this order: a posting may spend what an earlier one credited. The sum of amounts is at most 9007199254740991. */
            postings: components["schemas"]["Posting"][];
            /** @example order 1017 */
            memo?: string;
            /**
             * @description At most 32768 bytes as JSON.
             * @example {
             *       "order": "1017"
             *     }
             */
            metadata?: {
                [key: string]: string;
            };
            /** @description Hold the amount until the transfer is posted, voided or expired. */
            pending?: boolean;
            /** @description Time until a pending transfer expires. Absent: never. Only with `pending: true`. */
            timeout_s?: number;
            /**
             * Format: date-time
             * @example 2026-11-20T10:00:00.000Z
             */
            occurred_at?: string;
        };
        /**
         * @example {
         *       "id": "tr_0a11001",
         *       "status": "posted",
         *       "postings": [
         *         {
         *           "debit_account": "@issuance",
         *           "credit_account": "alice/points",
         *           "amount": 2500
         *         }
         *       ],
         *       "posted_amount": 2500,
         *       "memo": "order 1017",
         *       "metadata": {},
         *       "created_at": "2026-11-20T10:00:00.000Z"
         *     }
         */
        Transfer: {
            id: string;
            /** @enum {string} */
            status: "posted" | "pending" | "voided" | "expired";
            postings: components["schemas"]["Posting"][];
            /** @description Only of movements of loyalty points. */
            reference?: string;
            /** @description The amount posted so far, summed over all postings. */
            posted_amount: number;
            memo: string | null;
            metadata: {
                [key: string]: string;
            };
            /**
             * Format: date-time
             * @description Only if it was created pending with `timeout_s`.
             */
            expires_at?: string;
            /** Format: date-time */
            occurred_at?: string;
            /** Format: date-time */
            created_at: string;
            /** @description Id of the transfer that this one reverts. */
            reverts?: string;
            /** @description Id of the transfer that reverted this one. */
            reverted_by?: string;
        };
        /**
         * @example {
         *       "amount": 1000,
         *       "final": true
         *     }
         */
        PostTransfer: {
            /**
             * @description Absent: the whole remaining amount. Less is allowed only for a transfer with one posting.
             * @example 2500
             */
            amount?: number;
            /** @description Release the remaining amount after this post. */
            final?: boolean;
        };
        /**
         * @example {
         *       "results": [
         *         {
         *           "status": 201,
         *           "id": "tr_0a11001"
         *         },
         *         {
         *           "status": 422,
         *           "code": "insufficient_funds"
         *         }
         *       ]
         *     }
         */
        TransferBatchResults: {
            results: ({
                /** @enum {number} */
                status: 201;
                /** @description Absent in a dry run. */
                id?: string;
            } | {
                status: number;
                code: string;
            })[];
        };
        TransferBatch: {
            transfers: components["schemas"]["TransferItem"][];
        };
        /**
         * @example {
         *       "debit_account": "@issuance",
         *       "credit_account": "alice/points",
         *       "amount": 2500,
         *       "memo": "order 1017"
         *     }
         */
        TransferItem: {
            /** @example @issuance */
            debit_account: string;
            /** @example alice/points */
            credit_account: string;
            /** @description "available" moves the available balance of the debit account, which must not be a system account; if that is 0: `insufficient_funds`. No balance may leave ±2^52, including reservations of other transfers; else: `balance_out_of_range`. */
            amount: number | "available";
            /**
             * @description Only with `amount: "available"`: the maximum amount.
             * @example 2500
             */
            max_amount?: number;
            /** @example order 1017 */
            memo?: string;
            /**
             * @description At most 32768 bytes as JSON.
             * @example {
             *       "order": "1017"
             *     }
             */
            metadata?: {
                [key: string]: string;
            };
            /** @description Hold the amount until the transfer is posted, voided or expired. */
            pending?: boolean;
            /** @description Time until a pending transfer expires. Absent: never. Only with `pending: true`. */
            timeout_s?: number;
            /**
             * Format: date-time
             * @example 2026-11-20T10:00:00.000Z
             */
            occurred_at?: string;
            idempotency_key?: string;
        } | {
            /** @description Applied all or none, in this order: a posting may spend what an earlier one credited. The sum of amounts is at most 9007199254740991. */
            postings: components["schemas"]["Posting"][];
            /** @example order 1017 */
            memo?: string;
            /**
             * @description At most 32768 bytes as JSON.
             * @example {
             *       "order": "1017"
             *     }
             */
            metadata?: {
                [key: string]: string;
            };
            /** @description Hold the amount until the transfer is posted, voided or expired. */
            pending?: boolean;
            /** @description Time until a pending transfer expires. Absent: never. Only with `pending: true`. */
            timeout_s?: number;
            /**
             * Format: date-time
             * @example 2026-11-20T10:00:00.000Z
             */
            occurred_at?: string;
            idempotency_key?: string;
        };
        /**
         * @example {
         *       "id": "alice/points",
         *       "asset": "PTS/0",
         *       "status": "open",
         *       "floor": 0,
         *       "ceiling": null,
         *       "limits": [],
         *       "posted": 2500,
         *       "held": 0,
         *       "available": 2500,
         *       "seq": 1,
         *       "metadata": {},
         *       "created_at": "2026-11-20T10:00:00.000Z"
         *     }
         */
        Account: {
            id: string;
            asset: string;
            /** @enum {string} */
            status: "open" | "frozen" | "closed";
            floor: number | null;
            ceiling: number | null;
            limits: components["schemas"]["Limit"][];
            /** @example 2500 */
            posted: number;
            /** @example 2500 */
            held: number;
            /** @example 2500 */
            available: number;
            seq: number;
            metadata: {
                [key: string]: string;
            };
            /** Format: date-time */
            created_at: string;
        };
        /**
         * @example {
         *       "window_s": 86400,
         *       "direction": "debit",
         *       "max_amount": 100000
         *     }
         */
        Limit: {
            window_s: number;
            /** @enum {string} */
            direction: "debit" | "credit";
            /** @description Maximum sum of amounts within the window. */
            max_amount?: number;
            /** @description Maximum number of debits or credits within the window. */
            max_count?: number;
        };
        /**
         * @example {
         *       "id": "@issuance",
         *       "system": true,
         *       "balances": {
         *         "PTS/0": {
         *           "posted": -2500,
         *           "held": 0
         *         }
         *       }
         *     }
         */
        SystemAccount: {
            id: string;
            /** @enum {boolean} */
            system: true;
            balances: {
                [key: string]: {
                    /** @example 2500 */
                    posted: number;
                    /** @example 2500 */
                    held: number;
                };
            };
        };
        NamelessAccount: {
            asset: string;
            /** @enum {string} */
            status: "open" | "frozen" | "closed";
            floor: number | null;
            ceiling: number | null;
            limits: components["schemas"]["Limit"][];
            /** @example 2500 */
            posted: number;
            /** @example 2500 */
            held: number;
            /** @example 2500 */
            available: number;
            seq: number;
            metadata: {
                [key: string]: string;
            };
            /** Format: date-time */
            created_at: string;
        };
        /**
         * @example {
         *       "id": "alice/points",
         *       "asset": "PTS/0"
         *     }
         */
        NewAccount: {
            /** @example alice/points */
            id?: string;
            /** @example USD/2 */
            asset: string;
            /**
             * @description Minimum of `available`; null: no minimum.
             * @example 0
             */
            floor?: number | null;
            /**
             * @description Maximum of `posted`; null: no maximum.
             * @example null
             */
            ceiling?: number | null;
            /** @description Sliding windows of log time in 60 buckets, of which the oldest counts in full. Counting starts when the limit is set. Holds count when created; void and expiry give them back. Reverts do not count. Each window_s only once per direction. */
            limits?: components["schemas"]["Limit"][];
            /**
             * @description At most 32768 bytes as JSON.
             * @example {
             *       "order": "1017"
             *     }
             */
            metadata?: {
                [key: string]: string;
            };
        };
        /**
         * @example {
         *       "floor": -10000,
         *       "metadata": {
         *         "tier": "gold"
         *       }
         *     }
         */
        AccountPatch: {
            /**
             * @description Minimum of `available`; null: no minimum.
             * @example 0
             */
            floor?: number | null;
            /**
             * @description Maximum of `posted`; null: no maximum.
             * @example null
             */
            ceiling?: number | null;
            /** @description Sliding windows of log time in 60 buckets, of which the oldest counts in full. Counting starts when the limit is set. Holds count when created; void and expiry give them back. Reverts do not count. Each window_s only once per direction. */
            limits?: components["schemas"]["Limit"][];
            /**
             * @description At most 32768 bytes as JSON.
             * @example {
             *       "order": "1018",
             *       "note": null
             *     }
             */
            metadata?: {
                [key: string]: string | null;
            };
        };
        EntriesPage: {
            data: components["schemas"]["Entry"][];
            next_cursor: string | null;
            /**
             * @description Balance before `from`. Only with `from` or `to`.
             * @example 2500
             */
            opening_balance?: number;
            /**
             * @description Balance just before `to`. Only with `from` or `to`.
             * @example 2500
             */
            closing_balance?: number;
        };
        /**
         * @example {
         *       "seq": 1,
         *       "transfer_id": "tr_0a11001",
         *       "amount": 2500,
         *       "balance_after": 2500,
         *       "counterparty": "@issuance",
         *       "memo": "order 1017",
         *       "metadata": {},
         *       "at": "2026-11-20T10:00:00.000Z"
         *     }
         */
        Entry: {
            seq: number;
            transfer_id: string;
            /** @description Signed: credits are positive, debits negative. */
            amount: number;
            /**
             * @description Not for system accounts.
             * @example 2500
             */
            balance_after?: number;
            counterparty: string;
            memo: string | null;
            metadata: {
                [key: string]: string;
            };
            /** Format: date-time */
            occurred_at?: string;
            /** Format: date-time */
            at: string;
        };
        /**
         * @example {
         *       "account": "alice/points",
         *       "balance": 2500,
         *       "entries_sum": 2500,
         *       "entries_count": 1,
         *       "difference": 0,
         *       "reconciled": true
         *     }
         */
        Reconciliation: {
            account: string;
            /** @example 2500 */
            balance: number;
            entries_sum: number;
            entries_count: number;
            difference: number;
            reconciled: boolean;
        };
        /**
         * @example {
         *       "id": "acme",
         *       "name": "Acme",
         *       "status": "active",
         *       "created_at": "2026-11-20T10:00:00.000Z",
         *       "key_id": "key_…",
         *       "api_key": "dk_partner_…"
         *     }
         */
        CreatedPartner: {
            id: string;
            name: string;
            /** @enum {string} */
            status: "active" | "suspended";
            /** Format: date-time */
            created_at: string;
            key_id: string;
            /** @description The secret. Shown once; null in a repeated answer. */
            api_key: string | null;
            /**
             * @description Only in a repeated answer: the first one has shown the secret.
             * @enum {boolean}
             */
            secret_shown?: true;
        };
        /**
         * @example {
         *       "id": "acme",
         *       "name": "Acme"
         *     }
         */
        NewPartner: {
            /** @example alice/points */
            id: string;
            /** @example Acme */
            name: string;
        };
        /**
         * @example {
         *       "id": "acme",
         *       "name": "Acme",
         *       "status": "active",
         *       "created_at": "2026-11-20T10:00:00.000Z"
         *     }
         */
        Partner: {
            id: string;
            name: string;
            /** @enum {string} */
            status: "active" | "suspended";
            /** Format: date-time */
            created_at: string;
        };
        /**
         * @example {
         *       "id": "acme",
         *       "name": "Acme",
         *       "status": "active",
         *       "created_at": "2026-11-20T10:00:00.000Z"
         *     }
         */
        PatchedPartner: {
            id: string;
            name: string;
            /** @enum {string} */
            status: "active" | "suspended";
            /** Format: date-time */
            created_at: string;
            quotas?: components["schemas"]["Quotas"];
        };
        /**
         * @description All quotas, if the request changes some.
         * @example {
         *       "idempotency_keys": 8000000,
         *       "open_transfers": 500000,
         *       "bytes": 2147483648
         *     }
         */
        Quotas: {
            /** @description Remembered idempotency keys, plus one reserved for the end of each open transfer. A key counts for up to an hour longer than the 24 hours for which it is remembered. */
            idempotency_keys: number;
            /** @description Pending transfers that are not posted, voided or expired. */
            open_transfers: number;
            /** @description Estimated memory of accounts and their metadata, open transfers, and items that expire. */
            bytes: number;
        };
        /**
         * @example {
         *       "quotas": {
         *         "idempotency_keys": 1000000
         *       }
         *     }
         */
        PartnerPatch: {
            /** @example Acme */
            name?: string;
            /** @enum {string} */
            status?: "active" | "suspended";
            quotas?: components["schemas"]["QuotaPatch"];
        };
        /** @description `null` restores the default. Absent members stay unchanged. */
        QuotaPatch: {
            /** @description Remembered idempotency keys, plus one reserved for the end of each open transfer. A key counts for up to an hour longer than the 24 hours for which it is remembered. */
            idempotency_keys?: number | null;
            /** @description Pending transfers that are not posted, voided or expired. */
            open_transfers?: number | null;
            /** @description Estimated memory of accounts and their metadata, open transfers, and items that expire. */
            bytes?: number | null;
        };
        /**
         * @example {
         *       "partner": "acme",
         *       "used": {
         *         "idempotency_keys": 1250,
         *         "open_transfers": 3,
         *         "bytes": 1350000
         *       },
         *       "quotas": {
         *         "idempotency_keys": 8000000,
         *         "open_transfers": 500000,
         *         "bytes": 2147483648
         *       },
         *       "requests_in_flight": 2,
         *       "shards": [
         *         {
         *           "shard": 0,
         *           "idempotency_keys": 1250,
         *           "open_transfers": 3,
         *           "bytes": 1350000
         *         }
         *       ]
         *     }
         */
        PartnerUsage: {
            partner: string;
            /** @description Sum over all shards. */
            used: {
                /** @description Remembered idempotency keys, plus one reserved for the end of each open transfer. A key counts for up to an hour longer than the 24 hours for which it is remembered. */
                idempotency_keys: number;
                /** @description Pending transfers that are not posted, voided or expired. */
                open_transfers: number;
                /** @description Estimated memory of accounts and their metadata, open transfers, and items that expire. */
                bytes: number;
            };
            quotas: components["schemas"]["Quotas"] & unknown;
            /** @description Requests that wait for a shard, at the gateway that answers. Each gateway bounds them by itself. */
            requests_in_flight: number;
            shards: {
                shard: number;
                /** @description Remembered idempotency keys, plus one reserved for the end of each open transfer. A key counts for up to an hour longer than the 24 hours for which it is remembered. */
                idempotency_keys: number;
                /** @description Pending transfers that are not posted, voided or expired. */
                open_transfers: number;
                /** @description Estimated memory of accounts and their metadata, open transfers, and items that expire. */
                bytes: number;
            }[];
        };
        /**
         * @example {
         *       "id": "key_…",
         *       "role": "read",
         *       "name": "reports",
         *       "api_key": "dk_read_…"
         *     }
         */
        CreatedKey: {
            id: string;
            /** @enum {string} */
            role: "partner" | "read" | "bank" | "redeemer" | "seller" | "till";
            name: string;
            /** @description Only for role `seller`: the seller's id. */
            seller?: string;
            /** @description The secret. Shown once; null in a repeated answer. */
            api_key: string | null;
            /**
             * @description Only in a repeated answer: the first one has shown the secret.
             * @enum {boolean}
             */
            secret_shown?: true;
        };
        /**
         * @example {
         *       "role": "read",
         *       "name": "reports"
         *     }
         */
        NewKey: {
            /** @enum {string} */
            role: "partner" | "read" | "bank" | "redeemer" | "seller" | "till";
            /**
             * @description Required for role `bank`: the bank's name.
             * @example Acme
             */
            name?: string;
            /**
             * @description Required for role `seller`, and only there: the seller's id.
             * @example alice/points
             */
            seller?: string;
        };
        Key: {
            id: string;
            /** @enum {string} */
            role: "partner" | "read" | "bank" | "redeemer" | "seller" | "till";
            name: string;
            /** @description Only for role `seller`: the seller's id. */
            seller?: string;
            prefix: string;
            /** Format: date-time */
            created_at: string;
            /** Format: date-time */
            last_used_at: string | null;
        };
        /**
         * @example {
         *       "balanced": true,
         *       "assets": {
         *         "PTS/0": {
         *           "sum": 0,
         *           "in_transit": 0,
         *           "accounts": 2
         *         }
         *       },
         *       "positions": [
         *         "0:1-17"
         *       ]
         *     }
         */
        TrialBalance: {
            balanced: boolean;
            assets: {
                [key: string]: {
                    sum: number;
                    in_transit: number;
                    accounts: number;
                };
            };
            positions: string[];
        };
        /**
         * @example {
         *       "id": "alice",
         *       "name": "Alice",
         *       "balance": 120,
         *       "held": 0,
         *       "pending": 0,
         *       "earned": 200,
         *       "spent": 80,
         *       "expired": 0,
         *       "created_at": "2026-11-20T10:00:00.000Z"
         *     }
         */
        Member: {
            id: string;
            name: string | null;
            /** @example 2500 */
            balance: number;
            /** @example 2500 */
            held: number;
            /** @description Points that begin later. They are not part of the balance. */
            pending: number;
            earned: number;
            spent: number;
            expired: number;
            /** Format: date-time */
            created_at: string;
        };
        /**
         * @example {
         *       "id": "alice",
         *       "name": "Alice"
         *     }
         */
        NewMember: {
            /** @example alice/points */
            id?: string;
            /** @example Alice */
            name?: string;
        };
        /**
         * @example {
         *       "id": "tr_0a11001",
         *       "points": 100,
         *       "expires_at": "2027-11-20T00:00:00.000Z"
         *     }
         */
        Lot: {
            id: string;
            points: number;
            /**
             * Format: date-time
             * @description Null only for pending points: never.
             */
            expires_at: string | null;
            /**
             * Format: date-time
             * @description Only for pending points.
             */
            activates_at?: string;
        };
        MemberPatch: {
            /** @example Alice */
            name: string;
        };
        /**
         * @example {
         *       "id": "tr_0a11001",
         *       "member": "alice",
         *       "points": 100,
         *       "description": "Haircut",
         *       "occurred_at": "2026-11-20T10:00:00.000Z",
         *       "created_at": "2026-11-20T10:00:00.000Z",
         *       "balance": 220
         *     }
         */
        PointsMovement: {
            /** @description The transfer's id, to revert it. */
            id: string;
            member: string;
            points: number;
            description: string;
            reference?: string;
            metadata?: {
                [key: string]: string;
            };
            /** @description Name of the key, if a till's key was used. */
            till?: string;
            /**
             * Format: date-time
             * @description Only if the points begin later.
             */
            activates_at?: string;
            /** Format: date-time */
            occurred_at: string;
            /** Format: date-time */
            created_at: string;
            /** @example 2500 */
            balance: number;
        };
        /**
         * @example {
         *       "points": 100,
         *       "description": "Haircut"
         *     }
         */
        NewAccrual: {
            /** @example 2500 */
            points: number;
            /** @example Haircut */
            description: string;
            /**
             * @description Unique for the member's id, for ever; also after the member was deleted.
             * @example receipt-1017
             */
            reference?: string;
            /**
             * @description At most 32768 bytes as JSON.
             * @example {
             *       "order": "1017"
             *     }
             */
            metadata?: {
                [key: string]: string;
            };
            /**
             * Format: date-time
             * @example 2026-11-20T10:00:00.000Z
             */
            occurred_at?: string;
            /**
             * Format: date-time
             * @description When the points expire; absent if never.
             * @example 2026-11-20T10:00:00.000Z
             */
            expires_at?: string;
            /**
             * Format: date-time
             * @description When the points begin; absent: at once. Until then they are `pending`: not in the balance, and not to be spent.
             * @example 2026-11-20T10:00:00.000Z
             */
            activates_at?: string;
        };
        /**
         * @example {
         *       "points": 80,
         *       "description": "Free coffee"
         *     }
         */
        NewRedemption: {
            /** @example 2500 */
            points: number;
            /** @example Haircut */
            description: string;
            /**
             * @description Unique for the member's id, for ever; also after the member was deleted.
             * @example receipt-1017
             */
            reference?: string;
            /**
             * @description At most 32768 bytes as JSON.
             * @example {
             *       "order": "1017"
             *     }
             */
            metadata?: {
                [key: string]: string;
            };
            /**
             * Format: date-time
             * @example 2026-11-20T10:00:00.000Z
             */
            occurred_at?: string;
        };
        PointsMovementBatch: {
            movements: components["schemas"]["PointsMovementItem"][];
        };
        /**
         * @example {
         *       "member": "alice",
         *       "type": "accrual",
         *       "points": 100,
         *       "description": "Haircut",
         *       "reference": "receipt-1017"
         *     }
         */
        PointsMovementItem: {
            /** @enum {string} */
            type: "accrual";
            /** @example alice/points */
            member: string;
            idempotency_key?: string;
            /** @example 2500 */
            points: number;
            /** @example Haircut */
            description: string;
            /**
             * @description Unique for the member's id, for ever; also after the member was deleted.
             * @example receipt-1017
             */
            reference?: string;
            /**
             * @description At most 32768 bytes as JSON.
             * @example {
             *       "order": "1017"
             *     }
             */
            metadata?: {
                [key: string]: string;
            };
            /**
             * Format: date-time
             * @example 2026-11-20T10:00:00.000Z
             */
            occurred_at?: string;
            /**
             * Format: date-time
             * @description When the points expire; absent if never.
             * @example 2026-11-20T10:00:00.000Z
             */
            expires_at?: string;
            /**
             * Format: date-time
             * @description When the points begin; absent: at once. Until then they are `pending`: not in the balance, and not to be spent.
             * @example 2026-11-20T10:00:00.000Z
             */
            activates_at?: string;
        } | {
            /** @enum {string} */
            type: "redemption";
            /** @example alice/points */
            member: string;
            idempotency_key?: string;
            /** @example 2500 */
            points: number;
            /** @example Haircut */
            description: string;
            /**
             * @description Unique for the member's id, for ever; also after the member was deleted.
             * @example receipt-1017
             */
            reference?: string;
            /**
             * @description At most 32768 bytes as JSON.
             * @example {
             *       "order": "1017"
             *     }
             */
            metadata?: {
                [key: string]: string;
            };
            /**
             * Format: date-time
             * @example 2026-11-20T10:00:00.000Z
             */
            occurred_at?: string;
        };
        PointsEntriesPage: {
            data: components["schemas"]["PointsEntry"][];
            next_cursor: string | null;
            /**
             * @description Balance before `from`. Only with `from` or `to`.
             * @example 2500
             */
            opening_balance?: number;
            /**
             * @description Balance just before `to`. Only with `from` or `to`.
             * @example 2500
             */
            closing_balance?: number;
        };
        PointsEntry: {
            seq: number;
            transfer_id: string;
            /** @enum {string} */
            type: "accrual" | "redemption" | "activation" | "expiry" | "revert";
            /** @description Signed points. */
            amount: number;
            /** @example 2500 */
            balance_after: number;
            counterparty: string;
            description: string | null;
            memo: string | null;
            reference: string | null;
            till: string | null;
            metadata: {
                [key: string]: string;
            };
            /** Format: date-time */
            occurred_at: string;
            /** Format: date-time */
            at: string;
        };
        /**
         * @example {
         *       "members": 10,
         *       "outstanding": 1200,
         *       "earned": 2000,
         *       "spent": 700,
         *       "expired": 100,
         *       "pending": 50
         *     }
         */
        LoyaltySummary: {
            members: number;
            /** @description Points. Most JSON readers round numbers above 2^53. */
            outstanding: number;
            /** @description Points. Most JSON readers round numbers above 2^53. */
            earned: number;
            /** @description Points. Most JSON readers round numbers above 2^53. */
            spent: number;
            /** @description Points. Most JSON readers round numbers above 2^53. */
            expired: number;
            /** @description Points. Most JSON readers round numbers above 2^53. */
            pending: number;
        };
        /**
         * @example {
         *       "member_threshold": 1000,
         *       "total_threshold": 100000
         *     }
         */
        LoyaltySettings: {
            /** @example 2500 */
            member_threshold: number;
            /** @example 2500 */
            total_threshold: number;
        };
        /**
         * @example {
         *       "email": "alice@example.com",
         *       "name": "Alice",
         *       "created_at": "2026-11-20T10:00:00.000Z"
         *     }
         */
        Customer: {
            /** @description `null` once the customer is erased. */
            email: string | null;
            name: string | null;
            /** Format: date-time */
            created_at: string;
        };
        /**
         * @example {
         *       "email": "alice@example.com",
         *       "name": "Alice"
         *     }
         */
        NewCustomer: {
            /**
             * Format: email
             * @description Case is ignored.
             * @example alice@example.com
             */
            email: string;
            /** @example Alice */
            name?: string;
        };
        /**
         * @example {
         *       "name": "Autumn sale",
         *       "discount": 38.5,
         *       "pricing": "live"
         *     }
         */
        Offer: {
            name: string;
            /** @description Percent; absent if the voucher has an `amount`. */
            discount?: number;
            /** @description Minor units of `asset`; absent if the voucher has a `discount`. */
            amount?: number;
            asset?: string;
            /**
             * @description `live`: vouchers follow the offer's discount until redeemed. `snapshot`: they keep the discount of their issue.
             * @enum {string}
             */
            pricing: "live" | "snapshot";
        };
        /**
         * @example {
         *       "discount": 38.5
         *     }
         */
        OfferTerms: {
            /**
             * @description Percent. Not together with `amount`.
             * @example 38.5
             */
            discount?: number;
            /**
             * @description A fixed discount in minor units of `asset`.
             * @example 2500
             */
            amount?: number;
            /**
             * @description Required with `amount`.
             * @example USD/2
             */
            asset?: string;
            /**
             * @description `live`: vouchers follow the offer's discount until redeemed. `snapshot`: they keep the discount of their issue.
             * @default live
             * @enum {string}
             */
            pricing?: "live" | "snapshot";
        };
        /**
         * @example {
         *       "code": "7QK3MWPA2XHT9C",
         *       "email": "alice@example.com",
         *       "offer_name": "Autumn sale",
         *       "discount": 38.5,
         *       "expires_at": "2027-01-01T00:00:00.000Z",
         *       "created_at": "2026-11-20T10:00:00.000Z",
         *       "uses_max": 1
         *     }
         */
        Voucher: {
            code: string;
            /** @description `null` once the customer is erased. */
            email: string | null;
            offer_name: string;
            /** @description Percent; absent if the voucher has an `amount`. */
            discount?: number;
            /** @description Minor units of `asset`; absent if the voucher has a `discount`. */
            amount?: number;
            asset?: string;
            /** Format: date-time */
            expires_at: string;
            /** Format: date-time */
            created_at: string;
            uses_max: number;
        };
        /**
         * @example {
         *       "email": "alice@example.com",
         *       "offer_name": "Autumn sale",
         *       "discount": 38.5,
         *       "expires_at": "2027-01-01T00:00:00.000Z"
         *     }
         */
        NewVoucher: {
            /**
             * Format: email
             * @description Case is ignored.
             * @example alice@example.com
             */
            email: string;
            /** @example Autumn sale */
            offer_name: string;
            /**
             * @description Percent. Not together with `amount`.
             * @example 38.5
             */
            discount?: number;
            /**
             * @description A fixed discount in minor units of `asset`.
             * @example 2500
             */
            amount?: number;
            /**
             * @description Required with `amount`.
             * @example USD/2
             */
            asset?: string;
            /**
             * Format: date-time
             * @example 2026-11-20T10:00:00.000Z
             */
            expires_at: string;
            /**
             * @description How often a voucher can be redeemed.
             * @default 1
             */
            uses_max?: number;
        };
        VoucherRow: {
            code: string;
            offer_name: string;
            /** @description Percent; absent if the voucher has an `amount`. */
            discount?: number;
            /** @description Minor units of `asset`; absent if the voucher has a `discount`. */
            amount?: number;
            asset?: string;
            /**
             * @description `valid` while a use is left, `redeemed` once it is used up.
             * @enum {string}
             */
            status: "valid" | "redeemed" | "expired" | "cancelled";
            /** Format: date-time */
            expires_at: string;
            /**
             * Format: date-time
             * @description The last redemption that counts.
             */
            used_at: string | null;
            uses_max: number;
            uses_left: number;
        };
        VoucherVerdict: {
            /** @enum {boolean} */
            valid: true;
            /** @description Percent; absent if the voucher has an `amount`. */
            discount?: number;
            /** @description Minor units of `asset`; absent if the voucher has a `discount`. */
            amount?: number;
            asset?: string;
            offer_name: string;
            /** Format: date-time */
            expires_at: string;
            uses_left: number;
        } | {
            /** @enum {boolean} */
            valid: false;
            /** @enum {string} */
            reason: "voucher_already_redeemed" | "voucher_expired" | "voucher_cancelled";
        };
        VoucherHolder: {
            /**
             * Format: email
             * @description Case is ignored.
             * @example alice@example.com
             */
            email: string;
        };
        /**
         * @example {
         *       "code": "7QK3MWPA2XHT9C",
         *       "discount": 38.5,
         *       "offer_name": "Autumn sale",
         *       "used_at": "2026-11-21T10:00:00.000Z",
         *       "redemption": 1,
         *       "uses_left": 0
         *     }
         */
        RedeemedVoucher: {
            code: string;
            /** @description Percent; absent if the voucher has an `amount`. */
            discount?: number;
            /** @description Minor units of `asset`; absent if the voucher has a `discount`. */
            amount?: number;
            asset?: string;
            offer_name: string;
            /** Format: date-time */
            used_at: string;
            /** @description The number of this redemption of the voucher, for a rollback. Null in a retry of one that an older version made. */
            redemption: number | null;
            uses_left: number;
        };
        RolledBackVoucher: components["schemas"]["ChangedVoucher"] & {
            /** @description The redemption that was rolled back. */
            redemption: number | null;
        };
        ChangedVoucher: {
            code: string;
            /** @description `null` once the customer is erased. */
            email: string | null;
            offer_name: string;
            /** @description Percent; absent if the voucher has an `amount`. */
            discount?: number;
            /** @description Minor units of `asset`; absent if the voucher has a `discount`. */
            amount?: number;
            asset?: string;
            /** @enum {string} */
            status: "valid" | "expired" | "cancelled";
            /** Format: date-time */
            expires_at: string;
            /** Format: date-time */
            created_at: string;
            /**
             * Format: date-time
             * @description The last redemption that still counts.
             */
            used_at: string | null;
            uses_max: number;
            uses_left: number;
        };
        /**
         * @example {
         *       "email": "alice@example.com",
         *       "redemption": 3
         *     }
         */
        VoucherRollback: {
            /**
             * Format: email
             * @description Case is ignored.
             * @example alice@example.com
             */
            email: string;
            /** @description The redemption to roll back, as its answer names it; the latest one if absent. */
            redemption?: number;
        };
        /**
         * @example {
         *       "id": "vb_0123456789abcdef01234567",
         *       "status": "running",
         *       "requested": 1200,
         *       "issued": 512
         *     }
         */
        VoucherBatch: {
            id: string;
            /** @enum {string} */
            status: "scheduled" | "running" | "completed";
            requested: number;
            issued: number;
        };
        /**
         * @example {
         *       "offer_name": "Autumn sale",
         *       "expires_at": "2027-01-01T00:00:00.000Z",
         *       "emails": "all"
         *     }
         */
        NewVoucherBatch: {
            /** @example Autumn sale */
            offer_name: string;
            /**
             * Format: date-time
             * @example 2026-11-20T10:00:00.000Z
             */
            expires_at: string;
            /** @description The customers, or `all` for every customer who exists now. Duplicates count once. */
            emails: "all" | string[];
            /**
             * Format: date-time
             * @description When to issue the vouchers; now if absent.
             * @example 2026-11-20T10:00:00.000Z
             */
            run_at?: string;
            /**
             * @description How often a voucher can be redeemed.
             * @default 1
             */
            uses_max?: number;
        };
        /**
         * @example {
         *       "code": "7QK3MWPA2XHT9C",
         *       "email": "alice@example.com",
         *       "offer_name": "Autumn sale",
         *       "discount": 38.5,
         *       "expires_at": "2027-01-01T00:00:00.000Z",
         *       "status": "valid",
         *       "uses_left": 1
         *     }
         */
        VoucherBatchCode: {
            code: string;
            /** @description `null` once the customer is erased. */
            email: string | null;
            offer_name: string;
            /** @description Percent; absent if the voucher has an `amount`. */
            discount?: number;
            /** @description Minor units of `asset`; absent if the voucher has a `discount`. */
            amount?: number;
            asset?: string;
            /** Format: date-time */
            expires_at: string;
            /** @enum {string} */
            status: "valid" | "redeemed" | "expired" | "cancelled";
            uses_left: number;
        };
        /**
         * @example {
         *       "id": "kiosk",
         *       "name": "Kiosk",
         *       "status": "active",
         *       "credit": 700000,
         *       "held": 0,
         *       "available": 700000,
         *       "total_credited": 1000000,
         *       "total_sold": 300000,
         *       "low_credit_threshold": null,
         *       "limits": null,
         *       "created_at": "2026-11-20T10:00:00.000Z",
         *       "key_id": "key_…",
         *       "api_key": "dk_seller_…"
         *     }
         */
        CreatedSeller: {
            id: string;
            name: string;
            /** @enum {string} */
            status: "active" | "suspended";
            /** @example 2500 */
            credit: number;
            /** @description Credit that pending and unknown top-ups hold, in minor units. */
            held: number;
            /**
             * @description `credit` − `held`.
             * @example 2500
             */
            available: number;
            /** @description Credit granted, net of decreases, in minor units. */
            total_credited: number;
            /** @description Without reverted sales, in minor units. */
            total_sold: number;
            /** @description Credit in minor units. When the seller's credit falls below it, there is an event `seller.low_credit`. */
            low_credit_threshold: number | null;
            limits: components["schemas"]["TopupLimitsView"];
            /** Format: date-time */
            created_at: string;
            key_id: string;
            /** @description The secret. Shown once; null in a repeated answer. */
            api_key: string | null;
            /**
             * @description Only in a repeated answer: the first one has shown the secret.
             * @enum {boolean}
             */
            secret_shown?: true;
        };
        TopupLimitsView: {
            min_amount: number | null;
            max_amount: number | null;
            daily_amount: number | null;
            daily_count: number | null;
        } | null;
        /**
         * @example {
         *       "id": "kiosk",
         *       "name": "Kiosk"
         *     }
         */
        NewSeller: {
            /** @example alice/points */
            id?: string;
            /** @example Acme */
            name: string;
            /**
             * @description Credit in minor units. When the seller's credit falls below it, there is an event `seller.low_credit`.
             * @example 2500
             */
            low_credit_threshold?: number;
        };
        /**
         * @example {
         *       "id": "kiosk",
         *       "name": "Kiosk",
         *       "status": "active",
         *       "credit": 700000,
         *       "held": 0,
         *       "available": 700000,
         *       "total_credited": 1000000,
         *       "total_sold": 300000,
         *       "low_credit_threshold": null,
         *       "limits": null,
         *       "created_at": "2026-11-20T10:00:00.000Z"
         *     }
         */
        Seller: {
            id: string;
            name: string;
            /** @enum {string} */
            status: "active" | "suspended";
            /** @example 2500 */
            credit: number;
            /** @description Credit that pending and unknown top-ups hold, in minor units. */
            held: number;
            /**
             * @description `credit` − `held`.
             * @example 2500
             */
            available: number;
            /** @description Credit granted, net of decreases, in minor units. */
            total_credited: number;
            /** @description Without reverted sales, in minor units. */
            total_sold: number;
            /** @description Credit in minor units. When the seller's credit falls below it, there is an event `seller.low_credit`. */
            low_credit_threshold: number | null;
            limits: components["schemas"]["TopupLimitsView"];
            /** Format: date-time */
            created_at: string;
        };
        /**
         * @example {
         *       "low_credit_threshold": 100000,
         *       "limits": {
         *         "max_amount": 500000
         *       }
         *     }
         */
        SellerPatch: {
            /**
             * @description Credit in minor units. When the seller's credit falls below it, there is an event `seller.low_credit`.
             * @example 2500
             */
            low_credit_threshold?: number;
            /**
             * @description Of the seller's top-ups; null: none. The daily ones are on the top-ups of any 24 hours, in 60 buckets of which the oldest counts in full, as with limits of accounts. They count from when a daily limit is set. A top-up counts when it is made and is given back when it fails; reverts do not count. A member that is absent or null is no limit.
             * @example {
             *       "min_amount": 1000,
             *       "max_amount": 1000000,
             *       "daily_amount": 5000000,
             *       "daily_count": 200
             *     }
             */
            limits?: {
                /** @example 2500 */
                min_amount?: number;
                /** @example 2500 */
                max_amount?: number;
                /** @example 2500 */
                daily_amount?: number;
                daily_count?: number | null;
            } | null;
        };
        SellerEntriesPage: {
            data: components["schemas"]["SellerEntry"][];
            next_cursor: string | null;
            /**
             * @description Balance before `from`. Only with `from` or `to`.
             * @example 2500
             */
            opening_balance?: number;
            /**
             * @description Balance just before `to`. Only with `from` or `to`.
             * @example 2500
             */
            closing_balance?: number;
        };
        SellerEntry: {
            seq: number;
            transfer_id: string;
            /**
             * @description `credit`: an approved credit request; negative for a decrease.
             * @enum {string}
             */
            type: "credit" | "sale" | "revert";
            /** @description Signed minor units. */
            amount: number;
            /** @example 2500 */
            balance_before: number;
            /** @example 2500 */
            balance_after: number;
            phone: string | null;
            reference: string | null;
            /** @description The approved credit request. */
            request: string | null;
            /** Format: date-time */
            at: string;
        };
        /**
         * @example {
         *       "seller": "kiosk",
         *       "credit": 700000,
         *       "entries_sum": 700000,
         *       "entries_count": 61,
         *       "difference": 0,
         *       "reconciled": true
         *     }
         */
        SellerReconciliation: {
            seller: string;
            /** @example 2500 */
            credit: number;
            entries_sum: number;
            entries_count: number;
            difference: number;
            reconciled: boolean;
        };
        /**
         * @description opening + credited - sold + reverted = closing
         * @example {
         *       "seller": "kiosk",
         *       "time_zone": "Asia/Tehran",
         *       "date": "2026-11-20",
         *       "opening": 0,
         *       "credited": 1000000,
         *       "sold": 300000,
         *       "reverted": 0,
         *       "closing": 700000,
         *       "sales": 60
         *     }
         */
        Settlement: {
            seller: string;
            time_zone: string;
            /** Format: date */
            date: string;
            /** @example 2500 */
            opening: number;
            /** @description Approved credit, net of decreases and reverts. */
            credited: number;
            /** @description Completed sales; pending and unknown ones are not. */
            sold: number;
            /** @description Sales reverted on this day, whenever they were made. */
            reverted: number;
            /** @example 2500 */
            closing: number;
            /** @description Number of completed sales. */
            sales: number;
        };
        /**
         * @example {
         *       "data": [
         *         {
         *           "date": "2026-11-20",
         *           "opening": 0,
         *           "credited": 1000000,
         *           "sold": 300000,
         *           "reverted": 0,
         *           "closing": 700000,
         *           "sales": 60
         *         }
         *       ],
         *       "next_from": null
         *     }
         */
        SellerReport: {
            data: components["schemas"]["SellerDay"][];
            /** Format: date */
            next_from: string | null;
        };
        /**
         * @description opening + credited - sold + reverted = closing
         * @example {
         *       "date": "2026-11-20",
         *       "opening": 0,
         *       "credited": 1000000,
         *       "sold": 300000,
         *       "reverted": 0,
         *       "closing": 700000,
         *       "sales": 60
         *     }
         */
        SellerDay: {
            /** Format: date */
            date: string;
            /** @example 2500 */
            opening: number;
            /** @description Approved credit, net of decreases and reverts. */
            credited: number;
            /** @description Completed sales; pending and unknown ones are not. */
            sold: number;
            /** @description Sales reverted on this day, whenever they were made. */
            reverted: number;
            /** @example 2500 */
            closing: number;
            /** @description Number of completed sales. */
            sales: number;
        };
        /**
         * @example {
         *       "id": "cr_0a0123456789abcdef01234567",
         *       "seller": "kiosk",
         *       "amount": 1000000,
         *       "note": "For the weekend",
         *       "status": "approved",
         *       "created_at": "2026-11-20T10:00:00.000Z",
         *       "requested_by": "key_…",
         *       "decided_by": "key_…",
         *       "decided_at": "2026-11-20T10:05:00.000Z",
         *       "reason": null
         *     }
         */
        CreditRequest: {
            id: string;
            seller: string;
            amount: number;
            note: string | null;
            /** @enum {string} */
            status: "pending" | "approved" | "rejected" | "withdrawn";
            /** Format: date-time */
            created_at: string;
            /** @description The id of the API key; null for requests of older versions. */
            requested_by: string | null;
            /** @description The id of the API key. */
            decided_by: string | null;
            /** Format: date-time */
            decided_at: string | null;
            /** @description Why the request was rejected. */
            reason: string | null;
        };
        /**
         * @example {
         *       "amount": 1000000,
         *       "note": "For the weekend"
         *     }
         */
        NewCreditRequest: {
            /**
             * @description Minor units; a negative amount requests a decrease.
             * @example 1000000
             */
            amount: number;
            /** @example Haircut */
            note?: string;
            /**
             * @description The seller whose credit changes; required with a partner's key.
             * @example alice/points
             */
            seller?: string;
        };
        /**
         * @example {
         *       "reason": "Pay for the last one first"
         *     }
         */
        RejectCreditRequest: {
            /** @example Haircut */
            reason?: string;
        };
        /**
         * @example {
         *       "id": "tr_0a11001",
         *       "seller": "kiosk",
         *       "phone": "+989121234567",
         *       "amount": 5000,
         *       "reference": "receipt-1017",
         *       "status": "completed",
         *       "reason": null,
         *       "decided_by": null,
         *       "operator_answer": null,
         *       "created_at": "2026-11-20T10:00:00.000Z",
         *       "credit": 995000,
         *       "available": 995000
         *     }
         */
        CreatedTopup: {
            /** @description The transfer's id; the partner can revert a completed one. */
            id: string;
            seller: string;
            phone: string;
            /** @example 2500 */
            amount: number;
            reference: string | null;
            /**
             * @description `pending`: the operator has not answered. `unknown`: it has not said what became of the top-up. The amount of both is held.
             * @enum {string}
             */
            status: "pending" | "unknown" | "completed" | "failed" | "reverted";
            /** @description Why it failed. */
            reason: string | null;
            /** @description The id of the API key that confirmed or failed it; null if the operator did, or nobody had to. */
            decided_by: string | null;
            /**
             * @description What the operator has said against the decision of `decided_by`. Nothing was moved because of it.
             * @enum {string|null}
             */
            operator_answer: "completed" | "failed" | null;
            /** Format: date-time */
            created_at: string;
            /**
             * @description The seller's credit after the top-up, in minor units.
             * @example 2500
             */
            credit: number;
            /**
             * @description Of which other pending top-ups hold nothing.
             * @example 2500
             */
            available: number;
        };
        /**
         * @example {
         *       "phone": "09121234567",
         *       "amount": 5000,
         *       "reference": "receipt-1017"
         *     }
         */
        NewTopup: {
            /** @example +989121234567 */
            phone: string;
            /** @example 2500 */
            amount: number;
            /**
             * @description The seller's reference for the sale, unique for the seller.
             * @example receipt-1017
             */
            reference?: string;
            /**
             * @description The seller who sells; required with a partner's key.
             * @example alice/points
             */
            seller?: string;
        };
        /**
         * @example {
         *       "id": "tr_0a11001",
         *       "seller": "kiosk",
         *       "phone": "+989121234567",
         *       "amount": 5000,
         *       "reference": "receipt-1017",
         *       "status": "completed",
         *       "reason": null,
         *       "decided_by": null,
         *       "operator_answer": null,
         *       "created_at": "2026-11-20T10:00:00.000Z"
         *     }
         */
        Topup: {
            /** @description The transfer's id; the partner can revert a completed one. */
            id: string;
            seller: string;
            phone: string;
            /** @example 2500 */
            amount: number;
            reference: string | null;
            /**
             * @description `pending`: the operator has not answered. `unknown`: it has not said what became of the top-up. The amount of both is held.
             * @enum {string}
             */
            status: "pending" | "unknown" | "completed" | "failed" | "reverted";
            /** @description Why it failed. */
            reason: string | null;
            /** @description The id of the API key that confirmed or failed it; null if the operator did, or nobody had to. */
            decided_by: string | null;
            /**
             * @description What the operator has said against the decision of `decided_by`. Nothing was moved because of it.
             * @enum {string|null}
             */
            operator_answer: "completed" | "failed" | null;
            /** Format: date-time */
            created_at: string;
        };
        /**
         * @example {
         *       "reason": "The operator's support says that it was not charged"
         *     }
         */
        FailTopup: {
            /** @example Haircut */
            reason?: string;
        };
        /**
         * @example {
         *       "phone_limits": {
         *         "min_amount": null,
         *         "max_amount": null,
         *         "daily_amount": 2000000,
         *         "daily_count": 10
         *       }
         *     }
         */
        TopupSettingsView: {
            phone_limits: components["schemas"]["TopupLimitsView"];
        };
        /**
         * @example {
         *       "phone_limits": {
         *         "daily_amount": 2000000,
         *         "daily_count": 10
         *       }
         *     }
         */
        TopupSettings: {
            phone_limits: components["schemas"]["TopupLimits"];
        };
        /**
         * @example {
         *       "min_amount": 1000,
         *       "max_amount": 1000000,
         *       "daily_amount": 5000000,
         *       "daily_count": 200
         *     }
         */
        TopupLimits: {
            /** @example 2500 */
            min_amount?: number;
            /** @example 2500 */
            max_amount?: number;
            /** @example 2500 */
            daily_amount?: number;
            daily_count?: number | null;
        } | null;
        /**
         * @example {
         *       "phone": "+989121234567",
         *       "total_charged": 55000,
         *       "topups": 11
         *     }
         */
        Phone: {
            phone: string;
            /** @description Minor units, without reverted top-ups. Most JSON readers round numbers above 2^53. */
            total_charged: number;
            topups: number;
        };
        /**
         * @example {
         *       "slug": "DISCOUNT_30",
         *       "user_percent": 30,
         *       "members": 1200,
         *       "created_at": "2026-11-20T10:00:00.000Z"
         *     }
         */
        Segment: {
            /** @example DISCOUNT_30 */
            slug: string;
            /** @example 30 */
            user_percent: number | null;
            members: number;
            /** Format: date-time */
            created_at: string;
        };
        /**
         * @example {
         *       "slug": "DISCOUNT_30",
         *       "user_percent": 30
         *     }
         */
        NewSegment: {
            /** @example DISCOUNT_30 */
            slug: string;
            /** @example 30 */
            user_percent?: number;
        };
        SegmentPatch: {
            /** @example 30 */
            user_percent: number;
        };
        /**
         * @example {
         *       "id": "1000",
         *       "source": "manual"
         *     }
         */
        SegmentUser: {
            /** @example alice/points */
            id: string;
            /** Format: date-time */
            expires_at?: string;
            /** @enum {string} */
            source: "manual" | "auto";
        };
        /**
         * @example {
         *       "added": 2
         *     }
         */
        AddedSegmentUsers: {
            added: number;
        };
        /**
         * @example {
         *       "ids": [
         *         "1000",
         *         "1002"
         *       ],
         *       "ttl_s": 86400
         *     }
         */
        NewSegmentUsers: {
            ids: string[];
            /** @description Time to live in seconds, at most 100 years. */
            ttl_s?: number;
        };
        /**
         * @example {
         *       "removed": 2
         *     }
         */
        RemovedSegmentUsers: {
            removed: number;
        };
        /**
         * @example {
         *       "ids": [
         *         "1000",
         *         "1002"
         *       ]
         *     }
         */
        FormerSegmentUsers: {
            ids: string[];
        };
        /**
         * @example {
         *       "id": "1000"
         *     }
         */
        CreatedUser: {
            id: string;
        };
        /**
         * @example {
         *       "id": "1000"
         *     }
         */
        NewUser: {
            /** @example alice/points */
            id?: string;
        };
        /**
         * @example {
         *       "id": "1000",
         *       "created_at": "2026-11-20T10:00:00.000Z"
         *     }
         */
        User: {
            id: string;
            /** Format: date-time */
            created_at: string;
        };
        UserSegments: {
            segments: components["schemas"]["SegmentMembership"][];
        };
        /**
         * @example {
         *       "slug": "DISCOUNT_30",
         *       "source": "auto"
         *     }
         */
        SegmentMembership: {
            /** @example DISCOUNT_30 */
            slug: string;
            /** Format: date-time */
            expires_at?: string;
            /** @enum {string} */
            source: "manual" | "auto";
        };
        /**
         * @example {
         *       "added": 1,
         *       "removed": 0,
         *       "segments": [
         *         {
         *           "slug": "DISCOUNT_30",
         *           "source": "manual"
         *         }
         *       ]
         *     }
         */
        ChangedSegments: {
            added: number;
            removed: number;
            segments: components["schemas"]["SegmentMembership"][];
        };
        /**
         * @example {
         *       "add": [
         *         "DISCOUNT_30",
         *         {
         *           "slug": "VOICE",
         *           "ttl_s": 86400
         *         }
         *       ],
         *       "remove": [
         *         "OLD"
         *       ]
         *     }
         */
        UserSegmentsPatch: {
            add?: (string | {
                /** @example DISCOUNT_30 */
                slug: string;
                /** @description Time to live in seconds, at most 100 years. */
                ttl_s?: number;
                /**
                 * Format: date-time
                 * @example 2026-11-20T10:00:00.000Z
                 */
                expires_at?: string;
            })[];
            remove?: string[];
            /** @description Time to live in seconds, at most 100 years. */
            ttl_s?: number;
        };
        /**
         * @example {
         *       "id": "rep_0a1b2c",
         *       "url": "https://daybook.example/segment-reports/WyJhY21lIl0.c2lnbmF0dXJl"
         *     }
         */
        SegmentReport: {
            id: string;
            /** Format: uri */
            url: string | null;
            /** @enum {boolean} */
            secret_shown?: true;
        };
        /**
         * @example {
         *       "year": 2026,
         *       "month": 11,
         *       "separator": ";"
         *     }
         */
        NewSegmentReport: {
            year: number;
            month: number;
            /** @example alice/points */
            user_id?: string;
            /** @enum {string} */
            separator?: "," | ";";
        };
        /**
         * @example {
         *       "partner": "acme",
         *       "rotated_at": "2026-11-20T10:00:00.000Z"
         *     }
         */
        RotatedReportSecret: {
            partner: string;
            /** Format: date-time */
            rotated_at: string;
        };
        /**
         * @example {
         *       "user_id": "usr_…",
         *       "wallet_id": "wal_…",
         *       "name": "Ann",
         *       "email": "ann@example.com",
         *       "token": "ws_…"
         *     }
         */
        SignedUpWalletUser: {
            user_id: string;
            wallet_id: string;
            name: string;
            email: string;
            /** @description The session token, which is also set as a cookie. */
            token: string | null;
            /**
             * @description True in a retry: the first answer contained the token.
             * @enum {boolean}
             */
            secret_shown?: true;
        };
        /**
         * @example {
         *       "name": "Ann",
         *       "email": "ann@example.com",
         *       "password": "correct horse battery"
         *     }
         */
        NewWalletUser: {
            /** @example Acme */
            name: string;
            /**
             * Format: email
             * @description Case is ignored.
             * @example alice@example.com
             */
            email: string;
            /** @example correct horse battery */
            password: string;
        };
        /**
         * @example {
         *       "user_id": "usr_…",
         *       "wallet_id": "wal_…",
         *       "name": "Ann",
         *       "email": "ann@example.com",
         *       "token": "ws_…"
         *     }
         */
        LoggedInWalletUser: {
            user_id: string;
            wallet_id: string;
            name: string;
            email: string;
            /** @description The session token, which is also set as a cookie. */
            token: string;
        };
        WalletLogin: {
            /**
             * Format: email
             * @description Case is ignored.
             * @example alice@example.com
             */
            email: string;
            /** @example correct horse battery */
            password: string;
        };
        /**
         * @example {
         *       "user_id": "usr_…",
         *       "wallet_id": "wal_…",
         *       "name": "Ann",
         *       "email": "ann@example.com"
         *     }
         */
        WalletUser: {
            user_id: string;
            wallet_id: string;
            name: string;
            email: string;
        };
        WalletPasswordChange: {
            /** @example correct horse battery */
            password: string;
            /** @example correct horse battery */
            new_password: string;
        };
        /**
         * @example {
         *       "user_id": "usr_…",
         *       "token": "wr_…",
         *       "expires_at": "2026-01-01T01:00:00.000Z"
         *     }
         */
        PasswordResetToken: {
            user_id: string;
            /** @description Null in a repeated answer. */
            token: string | null;
            /**
             * @description Only in a repeated answer: the first one has shown the token.
             * @enum {boolean}
             */
            secret_shown?: true;
            /** Format: date-time */
            expires_at: string;
        };
        WalletPasswordReset: {
            /** @example wr_… */
            token: string;
            /** @example correct horse battery */
            password: string;
        };
        Wallet: {
            wallet_id: string;
            user_id: string;
            asset: string;
            /** @example 2500 */
            balance: number;
            /** @example 2500 */
            held: number;
            /** @example 2500 */
            available: number;
            /** @description The last 20, newest first. */
            entries: components["schemas"]["WalletEntry"][];
        };
        WalletEntry: {
            seq: number;
            transfer_id: string;
            /**
             * @description `return`: a bank takes a deposit back. `correction`: the platform takes back a deposit or a transfer. Their `memo` is the reason.
             * @enum {string}
             */
            type: "deposit" | "withdrawal" | "transfer" | "return" | "correction";
            /** @description Signed minor units; debits are negative. */
            amount: number;
            /** @example 2500 */
            balance_after: number;
            /** @description A wallet's id, or `@bank:<name>`. */
            counterparty: string;
            memo: string | null;
            /** Format: date-time */
            at: string;
        };
        WalletEntriesPage: {
            data: components["schemas"]["WalletEntry"][];
            next_cursor: string | null;
            /**
             * @description Balance before `from`. Only with `from` or `to`.
             * @example 2500
             */
            opening_balance?: number;
            /**
             * @description Balance just before `to`. Only with `from` or `to`.
             * @example 2500
             */
            closing_balance?: number;
        };
        /**
         * @example {
         *       "id": "tr_0a11001",
         *       "wallet_id": "wal_…",
         *       "amount": 2500,
         *       "balance": 7500
         *     }
         */
        WalletMovement: {
            id: string;
            wallet_id: string;
            /** @example 2500 */
            amount: number;
            /** @example 2500 */
            balance: number;
        };
        /**
         * @example {
         *       "to_wallet_id": "wal_…",
         *       "amount": 2500,
         *       "memo": "lunch"
         *     }
         */
        NewWalletTransfer: {
            /** @example wal_… */
            to_wallet_id?: string;
            /**
             * Format: email
             * @description Instead of `to_wallet_id`: the e-mail of the wallet's user.
             * @example alice@example.com
             */
            to_email?: string;
            /** @example 2500 */
            amount: number;
            /** @example order 1017 */
            memo?: string;
        };
        Hold: {
            id: string;
            wallet_id: string;
            /** @description The payee, if the hold names one: the wallet that alone captures it. */
            to_wallet_id: string | null;
            /** @example 2500 */
            amount: number;
            /** @example 2500 */
            captured: number;
            memo: string | null;
            /** @enum {string} */
            status: "pending" | "captured" | "voided" | "expired";
            /** Format: date-time */
            created_at: string;
            /** Format: date-time */
            expires_at: string;
        };
        /**
         * @example {
         *       "amount": 2500,
         *       "memo": "taxi",
         *       "timeout_s": 3600
         *     }
         */
        NewHold: {
            /** @example wal_… */
            to_wallet_id?: string;
            /**
             * Format: email
             * @description Instead of `to_wallet_id`: the e-mail of the wallet's user.
             * @example alice@example.com
             */
            to_email?: string;
            /** @example 2500 */
            amount: number;
            /** @example order 1017 */
            memo?: string;
            /** @description Seconds until the hold expires; 7 days if absent. */
            timeout_s?: number;
        };
        /**
         * @example {
         *       "to_wallet_id": "wal_…",
         *       "amount": 2000
         *     }
         */
        CaptureHold: {
            /** @example wal_… */
            to_wallet_id?: string;
            /**
             * Format: email
             * @description Instead of `to_wallet_id`: the e-mail of the wallet's user.
             * @example alice@example.com
             */
            to_email?: string;
            /**
             * @description Minor units; all that remains if absent.
             * @example 2500
             */
            amount?: number;
            /** @description Whether to release the remainder; true if absent. */
            final?: boolean;
        };
        PaymentRequest: {
            id: string;
            /** @enum {string} */
            status: "pending" | "accepted" | "declined" | "cancelled" | "expired";
            payer_wallet_id: string;
            requester_wallet_id: string;
            /** @example 2500 */
            amount: number;
            memo: string | null;
            /** @description The transfer that paid it. */
            transfer_id: string | null;
            /** Format: date-time */
            created_at: string;
            /** Format: date-time */
            expires_at: string;
        };
        /**
         * @example {
         *       "payer_wallet_id": "wal_…",
         *       "amount": 2500,
         *       "memo": "half of it"
         *     }
         */
        NewPaymentRequest: {
            /** @example wal_… */
            payer_wallet_id?: string;
            /**
             * Format: email
             * @description Instead of `payer_wallet_id`: the e-mail of the wallet's user.
             * @example alice@example.com
             */
            payer_email?: string;
            /** @example 2500 */
            amount: number;
            /** @example order 1017 */
            memo?: string;
            /** @description Seconds until the request expires; 7 days if absent. */
            expires_in_s?: number;
        };
        Withdrawal: {
            id: string;
            /** @enum {string} */
            status: "pending" | "confirmed" | "failed";
            wallet_id: string;
            /** @example 2500 */
            amount: number;
            details: string;
            /** @description The bank that confirmed or failed the withdrawal. */
            bank: string | null;
            /** @description Why it failed, if the bank has said so. */
            reason: string | null;
            /** Format: date-time */
            created_at: string;
        };
        /**
         * @example {
         *       "amount": 2500,
         *       "details": "DE02 1203 0000 0000 2020 51"
         *     }
         */
        NewWithdrawal: {
            /** @example 2500 */
            amount: number;
            /** @example Haircut */
            details: string;
        };
        /**
         * @example {
         *       "reason": "The account is closed."
         *     }
         */
        FailWithdrawal: {
            /**
             * @description Shown to the user.
             * @example Haircut
             */
            reason?: string;
        };
        /**
         * @example {
         *       "wallet_id": "wal_…",
         *       "amount": 2500,
         *       "details": "Top-up",
         *       "bank_ref": "statement-17/3"
         *     }
         */
        NewDeposit: {
            /** @example wal_… */
            wallet_id: string;
            /** @example 2500 */
            amount: number;
            /** @example Haircut */
            details: string;
            /**
             * @description The bank's reference. It can be used once, ever.
             * @example statement-17/3
             */
            bank_ref?: string;
        };
        Deposit: {
            id: string;
            wallet_id: string;
            /** @example 2500 */
            amount: number;
            details: string;
            bank_ref: string | null;
            /** Format: date-time */
            created_at: string;
        };
        DepositReturn: {
            id: string;
            deposit_id: string;
            wallet_id: string;
            /** @example 2500 */
            amount: number;
            reason: string;
            /**
             * @description The wallet's balance after it.
             * @example 2500
             */
            balance: number;
            /** Format: date-time */
            created_at: string;
        };
        /**
         * @example {
         *       "reason": "Recalled by the sender."
         *     }
         */
        ReturnDeposit: {
            /** @example Haircut */
            reason: string;
        };
        Correction: {
            id: string;
            /** @description The transfer. */
            corrects: string;
            /** @description A wallet's id, or `@bank:<name>`. */
            from: string;
            /** @description A wallet's id, or `@bank:<name>`. */
            to: string;
            /** @example 2500 */
            amount: number;
            reason: string;
            /** @description The id of the API key, or `operator`. */
            corrected_by: string;
            /** Format: date-time */
            created_at: string;
        };
        /**
         * @example {
         *       "reason": "Sent to the wrong wallet.",
         *       "amount": 2500
         *     }
         */
        CorrectTransfer: {
            /** @example Haircut */
            reason: string;
            /**
             * @description The part to take back; all of it if absent.
             * @example 2500
             */
            amount?: number;
        };
        WalletProfile: {
            user_id: string;
            wallet_id: string;
            name: string;
            email: string;
            /** @enum {string} */
            status: "open" | "frozen" | "closed";
            asset: string;
            /** @example 2500 */
            balance: number;
            /** @example 2500 */
            held: number;
            /** @example 2500 */
            available: number;
            /** @description Sliding windows of log time in 60 buckets, of which the oldest counts in full. Counting starts when the limit is set. Holds count when created; void and expiry give them back. Reverts do not count. Each window_s only once per direction. */
            limits: components["schemas"]["Limit"][];
            /** Format: date-time */
            created_at: string;
        };
        /**
         * @example {
         *       "limits": [
         *         {
         *           "window_s": 86400,
         *           "direction": "debit",
         *           "max_amount": 100000,
         *           "max_count": 20
         *         }
         *       ]
         *     }
         */
        WalletLimits: {
            /** @description Sliding windows of log time in 60 buckets, of which the oldest counts in full. Counting starts when the limit is set. Holds count when created; void and expiry give them back. Reverts do not count. Each window_s only once per direction. */
            limits: components["schemas"]["Limit"][];
        };
        /**
         * @example {
         *       "id": "mon_5f2b8c1e9a7d4036b1c2d3e4",
         *       "account": "alice",
         *       "prefix": null,
         *       "field": "available",
         *       "when": "below",
         *       "value": 1000,
         *       "created_at": "2026-11-20T10:00:00.000Z"
         *     }
         */
        Monitor: {
            id: string;
            account: string | null;
            prefix: string | null;
            /** @enum {string} */
            field: "posted" | "available" | "held";
            /**
             * @description `above`: from at most `value` to more. `below`: from at least `value` to less.
             * @enum {string}
             */
            when: "above" | "below";
            /** @example 2500 */
            value: number;
            /** Format: date-time */
            created_at: string;
        };
        /**
         * @example {
         *       "account": "alice",
         *       "field": "available",
         *       "when": "below",
         *       "value": 1000
         *     }
         */
        NewMonitor: {
            /** @example alice/points */
            account?: string;
            /**
             * @description Watches each account whose id begins with this.
             * @example shop:
             */
            prefix?: string;
            /** @enum {string} */
            field: "posted" | "available" | "held";
            /**
             * @description `above`: from at most `value` to more. `below`: from at least `value` to less.
             * @enum {string}
             */
            when: "above" | "below";
            /** @example 100000 */
            value: number;
        };
        /**
         * @example {
         *       "id": "wh_5f0c1de2a3b4c5d6e7f80912",
         *       "url": "https://shop.example.com/daybook-events",
         *       "types": [
         *         "transfer.posted"
         *       ],
         *       "description": null,
         *       "enabled": true,
         *       "created_at": "2026-11-20T10:00:00.000Z",
         *       "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="
         *     }
         */
        CreatedWebhook: {
            id: string;
            url: string;
            types: string[];
            description: string | null;
            enabled: boolean;
            /** Format: date-time */
            created_at: string;
            /** @description Shown once; null in a repeated answer. */
            secret: string | null;
            /**
             * @description Only in a repeated answer: the first one has shown the secret.
             * @enum {boolean}
             */
            secret_shown?: true;
        };
        /**
         * @example {
         *       "url": "https://shop.example.com/daybook-events",
         *       "types": [
         *         "transfer.posted"
         *       ]
         *     }
         */
        NewWebhook: {
            /**
             * @description https, without a user name. Private and reserved addresses are refused.
             * @example https://shop.example.com/daybook-events
             */
            url: string;
            /**
             * @description The types of events to send. Empty: all of them, also those of later versions.
             * @default []
             * @example [
             *       "transfer.posted",
             *       "transfer.received"
             *     ]
             */
            types?: ("transfer.posted" | "transfer.pending" | "transfer.voided" | "transfer.expired" | "transfer.reverted" | "transfer.failed" | "transfer.received" | "account.created" | "account.updated" | "account.frozen" | "account.closed" | "loyalty.member.above_threshold" | "loyalty.member.depleted" | "loyalty.total.above_threshold" | "voucher.issued" | "voucher.redeemed" | "voucher.rolled_back" | "voucher.cancelled" | "voucher.expired" | "segment.member_added" | "segment.member_removed" | "credit_request.created" | "credit_request.decided" | "topup.completed" | "topup.failed" | "topup.unknown" | "topup.conflict" | "seller.low_credit" | "wallet.deposited" | "wallet.sent" | "wallet.received" | "payment_request.created" | "payment_request.decided" | "withdrawal.created" | "withdrawal.decided" | "monitor.crossed")[];
            /** @example Haircut */
            description?: string;
        };
        /**
         * @example {
         *       "id": "wh_5f0c1de2a3b4c5d6e7f80912",
         *       "url": "https://shop.example.com/daybook-events",
         *       "types": [
         *         "transfer.posted"
         *       ],
         *       "description": null,
         *       "enabled": true,
         *       "created_at": "2026-11-20T10:00:00.000Z"
         *     }
         */
        Webhook: {
            id: string;
            url: string;
            types: string[];
            description: string | null;
            enabled: boolean;
            /** Format: date-time */
            created_at: string;
        };
        /**
         * @example {
         *       "enabled": false
         *     }
         */
        WebhookPatch: {
            /**
             * @description https, without a user name. Private and reserved addresses are refused.
             * @example https://shop.example.com/daybook-events
             */
            url?: string;
            /**
             * @description The types of events to send. Empty: all of them, also those of later versions.
             * @example [
             *       "transfer.posted",
             *       "transfer.received"
             *     ]
             */
            types?: ("transfer.posted" | "transfer.pending" | "transfer.voided" | "transfer.expired" | "transfer.reverted" | "transfer.failed" | "transfer.received" | "account.created" | "account.updated" | "account.frozen" | "account.closed" | "loyalty.member.above_threshold" | "loyalty.member.depleted" | "loyalty.total.above_threshold" | "voucher.issued" | "voucher.redeemed" | "voucher.rolled_back" | "voucher.cancelled" | "voucher.expired" | "segment.member_added" | "segment.member_removed" | "credit_request.created" | "credit_request.decided" | "topup.completed" | "topup.failed" | "topup.unknown" | "topup.conflict" | "seller.low_credit" | "wallet.deposited" | "wallet.sent" | "wallet.received" | "payment_request.created" | "payment_request.decided" | "withdrawal.created" | "withdrawal.decided" | "monitor.crossed")[];
            /** @example Haircut */
            description?: string;
            enabled?: boolean;
        };
        /**
         * @example {
         *       "id": "wh_5f0c1de2a3b4c5d6e7f80912",
         *       "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="
         *     }
         */
        RotatedWebhookSecret: {
            id: string;
            /** @description Shown once; null in a repeated answer. */
            secret: string | null;
            /**
             * @description Only in a repeated answer: the first one has shown the secret.
             * @enum {boolean}
             */
            secret_shown?: true;
        };
        /**
         * @example {
         *       "id": "wh_5f0c1de2a3b4c5d6e7f80912",
         *       "from": "2026-11-20T10:00:00.000Z"
         *     }
         */
        WebhookReplayStarted: {
            id: string;
            /** Format: date-time */
            from: string;
        };
        /**
         * @example {
         *       "from": "2026-11-20T10:00:00.000Z"
         *     }
         */
        WebhookReplay: {
            /**
             * Format: date-time
             * @example 2026-11-20T10:00:00.000Z
             */
            from: string;
        };
        /**
         * @example {
         *       "id": "ev_8Jr0cQvZ1mXJq3d5Yt2k7w",
         *       "type": "transfer.posted",
         *       "subject": "alice",
         *       "status": "failed",
         *       "tries": 3,
         *       "http_status": 503,
         *       "answer": "down for maintenance",
         *       "first_at": "2026-11-20T10:00:00.000Z",
         *       "last_at": "2026-11-20T10:00:21.000Z"
         *     }
         */
        WebhookDelivery: {
            /** @description The id of the event. */
            id: string;
            type: string;
            subject: string;
            /**
             * @description `failed`: it will be tried again, and holds back later events of its subject. `parked`: it is not tried any more.
             * @enum {string}
             */
            status: "delivered" | "failed" | "parked";
            tries: number;
            http_status: number | null;
            /** @description The first bytes of the answer, or why there was none. */
            answer: string;
            /** Format: date-time */
            first_at: string;
            /** Format: date-time */
            last_at: string;
        };
        /**
         * @example {
         *       "event": "test_0c1de2a3b4c5d6e7f8091a2b"
         *     }
         */
        WebhookEventSent: {
            event: string;
        };
        Shard: {
            shard: number;
            /** @enum {string} */
            isolation: "threads" | "processes";
            thread_id?: number;
            pid?: number;
            /** @enum {string} */
            status: "starting" | "recovering" | "ready" | "stalled" | "hung" | "restarting" | "failed";
            epoch: number;
            position: string;
            durable_position: string;
            accounts: number;
            mailbox_depth: number;
            restarts: number;
            recovery: {
                snapshot_position: string | null;
                snapshot_ms: number;
                replayed: number;
                replay_ms: number;
                total_ms: number;
            };
            snapshot: {
                position: string;
                records: number;
                bytes: number;
                duration_ms: number;
                taken_at: string;
            } | null;
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export interface operations {
    listTransfers: {
        parameters: {
            query?: {
                account?: string;
                status?: "posted" | "pending" | "voided" | "expired";
                from?: string;
                to?: string;
                limit?: number;
                /** @description The `next_cursor` of the previous page. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of at most `limit` rows and 1 MiB. `next_cursor` fetches the next one; it is null on the last page. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["Transfer"][];
                        next_cursor: string | null;
                    };
                };
            };
        };
    };
    createTransfer: {
        parameters: {
            query?: {
                /** @description Return the result without doing it: nothing is logged, and the idempotency key is not used. */
                dry_run?: "true" | "false";
            };
            header?: {
                /** @description 1 to 255 visible ASCII characters. A request that repeats a key gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["TransferRequest"];
            };
        };
        responses: {
            /** @description The transfer, and the balances of its accounts after it. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TransferWithBalances"] | components["schemas"]["DryRun"];
                };
            };
        };
    };
    getTransfer: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The transfer. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Transfer"];
                };
            };
        };
    };
    postTransfer: {
        parameters: {
            query?: {
                /** @description Return the result without doing it: nothing is logged, and the idempotency key is not used. */
                dry_run?: "true" | "false";
            };
            header?: {
                /** @description 1 to 255 visible ASCII characters. A request that repeats a key gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["PostTransfer"];
            };
        };
        responses: {
            /** @description The transfer, and the balances of its accounts after it. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TransferWithBalances"];
                };
            };
        };
    };
    voidTransfer: {
        parameters: {
            query?: {
                /** @description Return the result without doing it: nothing is logged, and the idempotency key is not used. */
                dry_run?: "true" | "false";
            };
            header?: {
                /** @description 1 to 255 visible ASCII characters. A request that repeats a key gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The transfer, and the balances of its accounts after it. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TransferWithBalances"];
                };
            };
        };
    };
    revertTransfer: {
        parameters: {
            query?: {
                /** @description Return the result without doing it: nothing is logged, and the idempotency key is not used. */
                dry_run?: "true" | "false";
            };
            header?: {
                /** @description 1 to 255 visible ASCII characters. A request that repeats a key gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The new transfer, and the balances of its accounts after it. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TransferWithBalances"] | components["schemas"]["DryRun"];
                };
            };
        };
    };
    createTransferBatch: {
        parameters: {
            query?: {
                /** @description Return the result without doing it: nothing is logged, and the idempotency key is not used. */
                dry_run?: "true" | "false";
            };
            header?: {
                /** @description 1 to 255 visible ASCII characters. A request that repeats a key gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["TransferBatch"];
                "application/x-ndjson": string;
                "application/msgpack": components["schemas"]["TransferItem"][];
            };
        };
        responses: {
            /** @description The results, in the order of the items. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TransferBatchResults"];
                    "application/msgpack": components["schemas"]["TransferBatchResults"];
                };
            };
        };
    };
    listAccounts: {
        parameters: {
            query?: {
                prefix?: string;
                /** @description Up to 100 ids, separated by commas. */
                ids?: string;
                /** @description Read all of `ids` at one consistent cut. */
                consistent?: "true" | "false";
                limit?: number;
                /** @description The `next_cursor` of the previous page. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["Account"][];
                        next_cursor: string | null;
                    } | {
                        data: components["schemas"]["Account"][];
                        missing: string[];
                        /** @description Not for a consistent cut. */
                        next_cursor?: string | null;
                        /** @description Only for a consistent cut. By asset: the amount of transfers between these accounts that is in transit. Negative if a credit has arrived before the debit of the same transfer. */
                        in_transit?: {
                            [key: string]: number;
                        };
                    };
                };
            };
        };
    };
    createAccount: {
        parameters: {
            query?: {
                /** @description Return the result without doing it: nothing is logged, and the idempotency key is not used. */
                dry_run?: "true" | "false";
            };
            header?: {
                /** @description 1 to 255 visible ASCII characters. A request that repeats a key gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewAccount"];
            };
        };
        responses: {
            /** @description The account. A dry run shows an id only if the request has one. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Account"] | components["schemas"]["NamelessAccount"];
                };
            };
        };
    };
    getAccount: {
        parameters: {
            query?: {
                /** @description The account at this moment. Not for system accounts. */
                at?: string;
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The account; a system account has one balance per asset. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Account"] | components["schemas"]["SystemAccount"];
                };
            };
        };
    };
    updateAccount: {
        parameters: {
            query?: never;
            header?: {
                /** @description 1 to 255 visible ASCII characters. A request that repeats a key gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["AccountPatch"];
            };
        };
        responses: {
            /** @description The account. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Account"];
                };
            };
        };
    };
    freezeAccount: {
        parameters: {
            query?: {
                /** @description Return the result without doing it: nothing is logged, and the idempotency key is not used. */
                dry_run?: "true" | "false";
            };
            header?: {
                /** @description 1 to 255 visible ASCII characters. A request that repeats a key gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The account. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Account"];
                };
            };
        };
    };
    unfreezeAccount: {
        parameters: {
            query?: {
                /** @description Return the result without doing it: nothing is logged, and the idempotency key is not used. */
                dry_run?: "true" | "false";
            };
            header?: {
                /** @description 1 to 255 visible ASCII characters. A request that repeats a key gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The account. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Account"];
                };
            };
        };
    };
    closeAccount: {
        parameters: {
            query?: {
                /** @description Return the result without doing it: nothing is logged, and the idempotency key is not used. */
                dry_run?: "true" | "false";
            };
            header?: {
                /** @description 1 to 255 visible ASCII characters. A request that repeats a key gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The account. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Account"];
                };
            };
        };
    };
    listAccountEntries: {
        parameters: {
            query?: {
                from?: string;
                to?: string;
                limit?: number;
                /** @description The `next_cursor` of the previous page. */
                cursor?: string;
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page. For CSV, the `Link` header has the next one. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EntriesPage"];
                    "text/csv": string;
                };
            };
        };
    };
    getAccountReconciliation: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Balance and sum at the same `seq`. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Reconciliation"];
                };
            };
        };
    };
    listPartners: {
        parameters: {
            query?: {
                limit?: number;
                /** @description The `next_cursor` of the previous page. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of at most `limit` rows and 1 MiB. `next_cursor` fetches the next one; it is null on the last page. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["Partner"][];
                        next_cursor: string | null;
                    };
                };
            };
        };
    };
    createPartner: {
        parameters: {
            query?: never;
            header?: {
                /** @description 1 to 255 visible ASCII characters. A request that repeats a key gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewPartner"];
            };
        };
        responses: {
            /** @description The partner and its key, which is shown once. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CreatedPartner"];
                };
            };
        };
    };
    getPartner: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The partner. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Partner"];
                };
            };
        };
    };
    updatePartner: {
        parameters: {
            query?: never;
            header?: {
                /** @description 1 to 255 visible ASCII characters. A request that repeats a key gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["PartnerPatch"];
            };
        };
        responses: {
            /** @description The partner. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PatchedPartner"];
                };
            };
        };
    };
    getPartnerUsage: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Usage and quotas. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PartnerUsage"];
                };
            };
        };
    };
    listPartnerKeys: {
        parameters: {
            query?: {
                limit?: number;
                /** @description The `next_cursor` of the previous page. */
                cursor?: string;
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of at most `limit` rows and 1 MiB. `next_cursor` fetches the next one; it is null on the last page. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["Key"][];
                        next_cursor: string | null;
                    };
                };
            };
        };
    };
    createPartnerKey: {
        parameters: {
            query?: never;
            header?: {
                /** @description 1 to 255 visible ASCII characters. A request that repeats a key gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewKey"];
            };
        };
        responses: {
            /** @description The key, which is shown once. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CreatedKey"];
                };
            };
        };
    };
    deletePartnerKey: {
        parameters: {
            query?: never;
            header?: {
                /** @description 1 to 255 visible ASCII characters. A request that repeats a key gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path: {
                id: string;
                key_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Revoked. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    getTrialBalance: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The sums. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TrialBalance"];
                };
            };
        };
    };
    listLoyaltyMembers: {
        parameters: {
            query?: {
                limit?: number;
                /** @description The `next_cursor` of the previous page. */
                cursor?: string;
                /** @description The beginning of a name. */
                name?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of at most `limit` rows and 1 MiB. `next_cursor` fetches the next one; it is null on the last page. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["Member"][];
                        next_cursor: string | null;
                    };
                };
            };
        };
    };
    createLoyaltyMember: {
        parameters: {
            query?: never;
            header?: {
                /** @description 1 to 255 visible ASCII characters. A request that repeats a key gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["NewMember"];
            };
        };
        responses: {
            /** @description The member. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Member"];
                };
            };
        };
    };
    getLoyaltyMember: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The member. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Member"];
                };
            };
        };
    };
    deleteLoyaltyMember: {
        parameters: {
            query?: never;
            header?: {
                /** @description 1 to 255 visible ASCII characters. A request that repeats a key gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Deleted. The archived entries stay. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    updateLoyaltyMember: {
        parameters: {
            query?: never;
            header?: {
                /** @description 1 to 255 visible ASCII characters. A request that repeats a key gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["MemberPatch"];
            };
        };
        responses: {
            /** @description The member. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Member"];
                };
            };
        };
    };
    listLoyaltyMemberLots: {
        parameters: {
            query?: {
                limit?: number;
                /** @description The `next_cursor` of the previous page. */
                cursor?: string;
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page. A lot is an accrual with `expires_at`; `points` is what is left of it. Accruals with `activates_at` whose points have not begun follow. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["Lot"][];
                        next_cursor: string | null;
                    };
                };
            };
        };
    };
    createLoyaltyMemberAccrual: {
        parameters: {
            query?: never;
            header?: {
                /** @description 1 to 255 visible ASCII characters. A request that repeats a key gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewAccrual"];
            };
        };
        responses: {
            /** @description The movement, with the balance after it. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PointsMovement"];
                };
            };
        };
    };
    createLoyaltyMemberRedemption: {
        parameters: {
            query?: never;
            header?: {
                /** @description 1 to 255 visible ASCII characters. A request that repeats a key gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewRedemption"];
            };
        };
        responses: {
            /** @description The movement, with the balance after it. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PointsMovement"];
                };
            };
        };
    };
    createPointsMovementBatch: {
        parameters: {
            query?: never;
            header?: {
                /** @description 1 to 255 visible ASCII characters. A request that repeats a key gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PointsMovementBatch"];
                "application/x-ndjson": string;
                "application/msgpack": components["schemas"]["PointsMovementItem"][];
            };
        };
        responses: {
            /** @description The results, in the order of the items. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TransferBatchResults"];
                    "application/msgpack": components["schemas"]["TransferBatchResults"];
                };
            };
        };
    };
    listLoyaltyMemberEntries: {
        parameters: {
            query?: {
                from?: string;
                to?: string;
                limit?: number;
                /** @description The `next_cursor` of the previous page. */
                cursor?: string;
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page. For CSV, the `Link` header has the next one. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PointsEntriesPage"];
                    "text/csv": string;
                };
            };
        };
    };
    getLoyaltySummary: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The totals. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["LoyaltySummary"];
                };
            };
        };
    };
    getLoyaltySettings: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The settings. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["LoyaltySettings"];
                };
            };
        };
    };
    putLoyaltySettings: {
        parameters: {
            query?: never;
            header?: {
                /** @description 1 to 255 visible ASCII characters. A request that repeats a key gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["LoyaltySettings"];
            };
        };
        responses: {
            /** @description The settings. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["LoyaltySettings"];
                };
            };
        };
    };
    listCustomers: {
        parameters: {
            query?: {
                limit?: number;
                /** @description The `next_cursor` of the previous page. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of at most `limit` rows and 1 MiB. `next_cursor` fetches the next one; it is null on the last page. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["Customer"][];
                        next_cursor: string | null;
                    };
                };
            };
        };
    };
    createCustomer: {
        parameters: {
            query?: never;
            header?: {
                /** @description 1 to 255 visible ASCII characters. A request that repeats a key gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewCustomer"];
            };
        };
        responses: {
            /** @description The customer. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Customer"];
                };
            };
        };
    };
    getCustomer: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Case is ignored. */
                email: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The customer. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Customer"];
                };
            };
        };
    };
    deleteCustomer: {
        parameters: {
            query?: never;
            header?: {
                /** @description 1 to 255 visible ASCII characters. A request that repeats a key gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path: {
                /** @description Case is ignored. */
                email: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Erased. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    getOffer: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The offer. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Offer"];
                };
            };
        };
    };
    putOffer: {
        parameters: {
            query?: never;
            header?: {
                /** @description 1 to 255 visible ASCII characters. A request that repeats a key gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["OfferTerms"];
            };
        };
        responses: {
            /** @description The offer. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Offer"];
                };
            };
        };
    };
    listOffers: {
        parameters: {
            query?: {
                limit?: number;
                /** @description The `next_cursor` of the previous page. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of at most `limit` rows and 1 MiB. `next_cursor` fetches the next one; it is null on the last page. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["Offer"][];
                        next_cursor: string | null;
                    };
                };
            };
        };
    };
    listVouchers: {
        parameters: {
            query: {
                /** @description Case is ignored. */
                email: string;
                status?: "valid" | "redeemed" | "expired" | "cancelled" | "all";
                limit?: number;
                /** @description The `next_cursor` of the previous page. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of at most `limit` rows and 1 MiB. `next_cursor` fetches the next one; it is null on the last page. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["VoucherRow"][];
                        next_cursor: string | null;
                    };
                };
            };
        };
    };
    createVoucher: {
        parameters: {
            query?: never;
            header?: {
                /** @description 1 to 255 visible ASCII characters. A request that repeats a key gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewVoucher"];
            };
        };
        responses: {
            /** @description The voucher with its code. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Voucher"];
                };
            };
        };
    };
    validateVoucher: {
        parameters: {
            query?: never;
            header?: {
                /** @description 1 to 255 visible ASCII characters. A request that repeats a key gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path: {
                code: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["VoucherHolder"];
            };
        };
        responses: {
            /** @description Whether it can be redeemed; if not, `reason` is the code that a redemption would get. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["VoucherVerdict"];
                };
            };
        };
    };
    redeemVoucher: {
        parameters: {
            query?: never;
            header?: {
                /** @description 1 to 255 visible ASCII characters. A request that repeats a key gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path: {
                code: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["VoucherHolder"];
            };
        };
        responses: {
            /** @description A use of the voucher is redeemed; it grants this `discount`, or this `amount`. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RedeemedVoucher"];
                };
            };
        };
    };
    rollbackVoucher: {
        parameters: {
            query?: never;
            header?: {
                /** @description 1 to 255 visible ASCII characters. A request that repeats a key gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path: {
                code: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["VoucherRollback"];
            };
        };
        responses: {
            /** @description The voucher after the rollback. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RolledBackVoucher"];
                };
            };
        };
    };
    cancelVoucher: {
        parameters: {
            query?: never;
            header?: {
                /** @description 1 to 255 visible ASCII characters. A request that repeats a key gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path: {
                code: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The cancelled voucher. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ChangedVoucher"];
                };
            };
        };
    };
    createVoucherBatch: {
        parameters: {
            query?: never;
            header?: {
                /** @description 1 to 255 visible ASCII characters. A request that repeats a key gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewVoucherBatch"];
            };
        };
        responses: {
            /** @description The batch; `requested` is final. */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["VoucherBatch"];
                };
            };
        };
    };
    getVoucherBatch: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The batch. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["VoucherBatch"];
                };
            };
        };
    };
    listVoucherBatchCodes: {
        parameters: {
            query?: {
                limit?: number;
                /** @description The `next_cursor` of the previous page. */
                cursor?: string;
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of at most `limit` rows; it may have fewer although more follow. `next_cursor` fetches the next one; it is null on the last page. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["VoucherBatchCode"][];
                        next_cursor: string | null;
                    };
                    "text/csv": string;
                };
            };
        };
    };
    listSellers: {
        parameters: {
            query?: {
                limit?: number;
                /** @description The `next_cursor` of the previous page. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of at most `limit` rows and 1 MiB. `next_cursor` fetches the next one; it is null on the last page. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["Seller"][];
                        next_cursor: string | null;
                    };
                };
            };
        };
    };
    createSeller: {
        parameters: {
            query?: never;
            header?: {
                /** @description 1 to 255 visible ASCII characters. A request that repeats a key gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewSeller"];
            };
        };
        responses: {
            /** @description The seller and its API key, which is shown once. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CreatedSeller"];
                };
            };
        };
    };
    getSeller: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The seller. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Seller"];
                };
            };
        };
    };
    updateSeller: {
        parameters: {
            query?: never;
            header?: {
                /** @description 1 to 255 visible ASCII characters. A request that repeats a key gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SellerPatch"];
            };
        };
        responses: {
            /** @description The seller. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Seller"];
                };
            };
        };
    };
    suspendSeller: {
        parameters: {
            query?: never;
            header?: {
                /** @description 1 to 255 visible ASCII characters. A request that repeats a key gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The seller. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Seller"];
                };
            };
        };
    };
    resumeSeller: {
        parameters: {
            query?: never;
            header?: {
                /** @description 1 to 255 visible ASCII characters. A request that repeats a key gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The seller. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Seller"];
                };
            };
        };
    };
    listSellerEntries: {
        parameters: {
            query?: {
                from?: string;
                to?: string;
                limit?: number;
                /** @description The `next_cursor` of the previous page. */
                cursor?: string;
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page. For CSV, the `Link` header has the next one. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SellerEntriesPage"];
                    "text/csv": string;
                };
            };
        };
    };
    getSellerReconciliation: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Credit and sum of entries at the same `seq`. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SellerReconciliation"];
                };
            };
        };
    };
    getSellerSettlement: {
        parameters: {
            query: {
                date: string;
                /** @description Days are those of this IANA time zone; one with a change of the clocks has 23 or 25 hours. */
                time_zone?: string;
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The sums of the day. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Settlement"];
                };
            };
        };
    };
    getSellerReport: {
        parameters: {
            query: {
                /** @description The first day. */
                from: string;
                /** @description The day after the last one; at most 31 days after `from`. */
                to: string;
                /** @description Days are those of this IANA time zone; one with a change of the clocks has 23 or 25 hours. */
                time_zone?: string;
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The rows. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SellerReport"];
                    "text/csv": string;
                };
            };
        };
    };
    listCreditRequests: {
        parameters: {
            query?: {
                status?: "pending" | "approved" | "rejected" | "withdrawn";
                seller?: string;
                limit?: number;
                /** @description The `next_cursor` of the previous page. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of at most `limit` rows and 1 MiB. `next_cursor` fetches the next one; it is null on the last page. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["CreditRequest"][];
                        next_cursor: string | null;
                    };
                };
            };
        };
    };
    createCreditRequest: {
        parameters: {
            query?: never;
            header?: {
                /** @description 1 to 255 visible ASCII characters. A request that repeats a key gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewCreditRequest"];
            };
        };
        responses: {
            /** @description The request. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CreditRequest"];
                };
            };
        };
    };
    getCreditRequest: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The request. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CreditRequest"];
                };
            };
        };
    };
    approveCreditRequest: {
        parameters: {
            query?: never;
            header?: {
                /** @description 1 to 255 visible ASCII characters. A request that repeats a key gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The request. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CreditRequest"];
                };
            };
        };
    };
    rejectCreditRequest: {
        parameters: {
            query?: never;
            header?: {
                /** @description 1 to 255 visible ASCII characters. A request that repeats a key gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["RejectCreditRequest"];
            };
        };
        responses: {
            /** @description The request. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CreditRequest"];
                };
            };
        };
    };
    withdrawCreditRequest: {
        parameters: {
            query?: never;
            header?: {
                /** @description 1 to 255 visible ASCII characters. A request that repeats a key gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The request. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CreditRequest"];
                };
            };
        };
    };
    listTopups: {
        parameters: {
            query?: {
                /** @description Escape a leading + as %2B. */
                phone?: string;
                seller?: string;
                /** @description The one top-up with this reference; a partner's key must name the seller. */
                reference?: string;
                /** @description `pending` or `unknown` ones, or those of which the operator contradicts the partner's decision; of these the newest 1000 of each shard. */
                status?: "pending" | "unknown" | "conflict";
                from?: string;
                to?: string;
                limit?: number;
                /** @description The `next_cursor` of the previous page. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of at most `limit` rows and 1 MiB. `next_cursor` fetches the next one; it is null on the last page. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["Topup"][];
                        next_cursor: string | null;
                    };
                };
            };
        };
    };
    createTopup: {
        parameters: {
            query?: never;
            header?: {
                /** @description 1 to 255 visible ASCII characters. A request that repeats a key gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewTopup"];
            };
        };
        responses: {
            /** @description The top-up, with the seller's credit after it. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CreatedTopup"];
                };
            };
        };
    };
    getTopup: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The top-up. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Topup"];
                };
            };
        };
    };
    confirmTopup: {
        parameters: {
            query?: never;
            header?: {
                /** @description 1 to 255 visible ASCII characters. A request that repeats a key gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The top-up. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Topup"];
                };
            };
        };
    };
    failTopup: {
        parameters: {
            query?: never;
            header?: {
                /** @description 1 to 255 visible ASCII characters. A request that repeats a key gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["FailTopup"];
            };
        };
        responses: {
            /** @description The top-up. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Topup"];
                };
            };
        };
    };
    listTopupSettings: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The settings. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TopupSettingsView"];
                };
            };
        };
    };
    putTopupSettings: {
        parameters: {
            query?: never;
            header?: {
                /** @description 1 to 255 visible ASCII characters. A request that repeats a key gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["TopupSettings"];
            };
        };
        responses: {
            /** @description The settings. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TopupSettingsView"];
                };
            };
        };
    };
    listPhones: {
        parameters: {
            query?: {
                limit?: number;
                /** @description The `next_cursor` of the previous page. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of at most `limit` rows and 1 MiB. `next_cursor` fetches the next one; it is null on the last page. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["Phone"][];
                        next_cursor: string | null;
                    };
                };
            };
        };
    };
    getPhone: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description E.164, or an Iranian mobile number in national format. */
                phone: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The totals. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Phone"];
                };
            };
        };
    };
    listSegments: {
        parameters: {
            query?: {
                limit?: number;
                /** @description The `next_cursor` of the previous page. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of at most `limit` rows and 1 MiB. `next_cursor` fetches the next one; it is null on the last page. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["Segment"][];
                        next_cursor: string | null;
                    };
                };
            };
        };
    };
    createSegment: {
        parameters: {
            query?: never;
            header?: {
                /** @description 1 to 255 visible ASCII characters. A request that repeats a key gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewSegment"];
            };
        };
        responses: {
            /** @description The segment. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Segment"];
                };
            };
        };
    };
    getSegment: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                slug: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The segment. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Segment"];
                };
            };
        };
    };
    deleteSegment: {
        parameters: {
            query?: never;
            header?: {
                /** @description 1 to 255 visible ASCII characters. A request that repeats a key gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path: {
                slug: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Deleted. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    updateSegment: {
        parameters: {
            query?: never;
            header?: {
                /** @description 1 to 255 visible ASCII characters. A request that repeats a key gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path: {
                slug: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SegmentPatch"];
            };
        };
        responses: {
            /** @description The segment. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Segment"];
                };
            };
        };
    };
    listSegmentUsers: {
        parameters: {
            query?: {
                limit?: number;
                /** @description The `next_cursor` of the previous page. */
                cursor?: string;
            };
            header?: never;
            path: {
                slug: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of at most `limit` rows and 1 MiB. `next_cursor` fetches the next one; it is null on the last page. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["SegmentUser"][];
                        next_cursor: string | null;
                    };
                };
            };
        };
    };
    addSegmentUsers: {
        parameters: {
            query?: never;
            header?: {
                /** @description 1 to 255 visible ASCII characters. A request that repeats a key gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path: {
                slug: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewSegmentUsers"];
            };
        };
        responses: {
            /** @description The number of users added. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AddedSegmentUsers"];
                };
            };
        };
    };
    removeSegmentUsers: {
        parameters: {
            query?: never;
            header?: {
                /** @description 1 to 255 visible ASCII characters. A request that repeats a key gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path: {
                slug: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["FormerSegmentUsers"];
            };
        };
        responses: {
            /** @description The number of users removed. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RemovedSegmentUsers"];
                };
            };
        };
    };
    listUsers: {
        parameters: {
            query?: {
                limit?: number;
                /** @description The `next_cursor` of the previous page. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of at most `limit` rows and 1 MiB. `next_cursor` fetches the next one; it is null on the last page. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["User"][];
                        next_cursor: string | null;
                    };
                };
            };
        };
    };
    createUser: {
        parameters: {
            query?: never;
            header?: {
                /** @description 1 to 255 visible ASCII characters. A request that repeats a key gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["NewUser"];
            };
        };
        responses: {
            /** @description The user. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CreatedUser"];
                };
            };
        };
    };
    getUser: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The user. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["User"];
                };
            };
        };
    };
    listUserSegments: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description All segments of the user. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UserSegments"];
                };
            };
        };
    };
    updateUserSegments: {
        parameters: {
            query?: never;
            header?: {
                /** @description 1 to 255 visible ASCII characters. A request that repeats a key gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["UserSegmentsPatch"];
            };
        };
        responses: {
            /** @description The numbers of segments added and removed, and all segments of the user. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ChangedSegments"];
                };
            };
        };
    };
    createSegmentReport: {
        parameters: {
            query?: never;
            header?: {
                /** @description 1 to 255 visible ASCII characters. A request that repeats a key gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewSegmentReport"];
            };
        };
        responses: {
            /** @description The report with its download URL. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SegmentReport"];
                };
            };
        };
    };
    downloadSegmentReport: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                report: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The report. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/csv": string;
                };
            };
        };
    };
    rotateReportSecret: {
        parameters: {
            query?: never;
            header?: {
                /** @description 1 to 255 visible ASCII characters. A request that repeats a key gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description When the secret was rotated. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RotatedReportSecret"];
                };
            };
        };
    };
    signUp: {
        parameters: {
            query?: never;
            header?: {
                /** @description 1 to 255 visible ASCII characters. A request that repeats a key gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewWalletUser"];
            };
        };
        responses: {
            /** @description Logged in. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SignedUpWalletUser"];
                };
            };
        };
    };
    logIn: {
        parameters: {
            query?: never;
            header?: {
                /** @description 1 to 255 visible ASCII characters. A request that repeats a key gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["WalletLogin"];
            };
        };
        responses: {
            /** @description Logged in. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["LoggedInWalletUser"];
                };
            };
        };
    };
    changePassword: {
        parameters: {
            query?: never;
            header?: {
                /** @description 1 to 255 visible ASCII characters. A request that repeats a key gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["WalletPasswordChange"];
            };
        };
        responses: {
            /** @description The user. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WalletUser"];
                };
            };
        };
    };
    issuePasswordReset: {
        parameters: {
            query?: never;
            header?: {
                /** @description 1 to 255 visible ASCII characters. A request that repeats a key gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The token. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PasswordResetToken"];
                };
            };
        };
    };
    resetPassword: {
        parameters: {
            query?: never;
            header?: {
                /** @description 1 to 255 visible ASCII characters. A request that repeats a key gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["WalletPasswordReset"];
            };
        };
        responses: {
            /** @description The user. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WalletUser"];
                };
            };
        };
    };
    refreshSession: {
        parameters: {
            query?: never;
            header?: {
                /** @description 1 to 255 visible ASCII characters. A request that repeats a key gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Logged in. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["LoggedInWalletUser"];
                };
            };
        };
    };
    logOut: {
        parameters: {
            query?: never;
            header?: {
                /** @description 1 to 255 visible ASCII characters. A request that repeats a key gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The user. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WalletUser"];
                };
            };
        };
    };
    getWallet: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The wallet. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Wallet"];
                };
            };
        };
    };
    listWalletEntries: {
        parameters: {
            query?: {
                from?: string;
                to?: string;
                limit?: number;
                /** @description The `next_cursor` of the previous page. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page. For CSV, the `Link` header has the next one. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WalletEntriesPage"];
                    "text/csv": string;
                };
            };
        };
    };
    createWalletTransfer: {
        parameters: {
            query?: never;
            header?: {
                /** @description 1 to 255 visible ASCII characters. A request that repeats a key gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewWalletTransfer"];
            };
        };
        responses: {
            /** @description The transfer, with the sender's balance after it. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WalletMovement"];
                };
            };
        };
    };
    listWalletEvents: {
        parameters: {
            query?: {
                /** @description Event types, separated by commas. */
                types?: string;
                /** @description Id of the event to continue after. */
                after?: string;
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Events, oldest first. `next_cursor` is null if there are no more at present. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["Event"][];
                        next_cursor: string | null;
                    };
                    "text/event-stream": string;
                };
            };
        };
    };
    listWalletHolds: {
        parameters: {
            query?: {
                role?: "payer" | "payee";
                limit?: number;
                /** @description The `next_cursor` of the previous page. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of at most `limit` rows and 1 MiB. `next_cursor` fetches the next one; it is null on the last page. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["Hold"][];
                        next_cursor: string | null;
                    };
                };
            };
        };
    };
    createWalletHold: {
        parameters: {
            query?: never;
            header?: {
                /** @description 1 to 255 visible ASCII characters. A request that repeats a key gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewHold"];
            };
        };
        responses: {
            /** @description The hold. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Hold"];
                };
            };
        };
    };
    captureWalletHold: {
        parameters: {
            query?: never;
            header?: {
                /** @description 1 to 255 visible ASCII characters. A request that repeats a key gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["CaptureHold"];
            };
        };
        responses: {
            /** @description The hold. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Hold"];
                };
            };
        };
    };
    voidWalletHold: {
        parameters: {
            query?: never;
            header?: {
                /** @description 1 to 255 visible ASCII characters. A request that repeats a key gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The hold. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Hold"];
                };
            };
        };
    };
    listWalletPaymentRequests: {
        parameters: {
            query?: {
                role?: "payer" | "requester";
                limit?: number;
                /** @description The `next_cursor` of the previous page. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of at most `limit` rows and 1 MiB. `next_cursor` fetches the next one; it is null on the last page. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["PaymentRequest"][];
                        next_cursor: string | null;
                    };
                };
            };
        };
    };
    createWalletPaymentRequest: {
        parameters: {
            query?: never;
            header?: {
                /** @description 1 to 255 visible ASCII characters. A request that repeats a key gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewPaymentRequest"];
            };
        };
        responses: {
            /** @description The payment request. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PaymentRequest"];
                };
            };
        };
    };
    acceptWalletPaymentRequest: {
        parameters: {
            query?: never;
            header?: {
                /** @description 1 to 255 visible ASCII characters. A request that repeats a key gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The payment request. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PaymentRequest"];
                };
            };
        };
    };
    declineWalletPaymentRequest: {
        parameters: {
            query?: never;
            header?: {
                /** @description 1 to 255 visible ASCII characters. A request that repeats a key gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The payment request. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PaymentRequest"];
                };
            };
        };
    };
    cancelWalletPaymentRequest: {
        parameters: {
            query?: never;
            header?: {
                /** @description 1 to 255 visible ASCII characters. A request that repeats a key gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The payment request. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PaymentRequest"];
                };
            };
        };
    };
    listWalletWithdrawals: {
        parameters: {
            query?: {
                limit?: number;
                /** @description The `next_cursor` of the previous page. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of at most `limit` rows and 1 MiB. `next_cursor` fetches the next one; it is null on the last page. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["Withdrawal"][];
                        next_cursor: string | null;
                    };
                };
            };
        };
    };
    createWalletWithdrawal: {
        parameters: {
            query?: never;
            header?: {
                /** @description 1 to 255 visible ASCII characters. A request that repeats a key gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewWithdrawal"];
            };
        };
        responses: {
            /** @description The withdrawal. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Withdrawal"];
                };
            };
        };
    };
    listWithdrawals: {
        parameters: {
            query?: {
                status?: "pending" | "confirmed" | "failed";
                limit?: number;
                /** @description The `next_cursor` of the previous page. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of at most `limit` rows and 1 MiB. `next_cursor` fetches the next one; it is null on the last page. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["Withdrawal"][];
                        next_cursor: string | null;
                    };
                };
            };
        };
    };
    confirmWithdrawal: {
        parameters: {
            query?: never;
            header?: {
                /** @description 1 to 255 visible ASCII characters. A request that repeats a key gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The withdrawal. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Withdrawal"];
                };
            };
        };
    };
    failWithdrawal: {
        parameters: {
            query?: never;
            header?: {
                /** @description 1 to 255 visible ASCII characters. A request that repeats a key gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["FailWithdrawal"];
            };
        };
        responses: {
            /** @description The withdrawal. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Withdrawal"];
                };
            };
        };
    };
    listDeposits: {
        parameters: {
            query?: {
                limit?: number;
                /** @description The `next_cursor` of the previous page. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of at most `limit` rows and 1 MiB. `next_cursor` fetches the next one; it is null on the last page. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["Deposit"][];
                        next_cursor: string | null;
                    };
                };
            };
        };
    };
    createDeposit: {
        parameters: {
            query?: never;
            header?: {
                /** @description 1 to 255 visible ASCII characters. A request that repeats a key gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewDeposit"];
            };
        };
        responses: {
            /** @description The deposit, with the wallet's balance after it. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WalletMovement"];
                };
            };
        };
    };
    returnDeposit: {
        parameters: {
            query?: never;
            header?: {
                /** @description 1 to 255 visible ASCII characters. A request that repeats a key gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ReturnDeposit"];
            };
        };
        responses: {
            /** @description The transfer back to the bank's account. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DepositReturn"];
                };
            };
        };
    };
    correctWalletTransfer: {
        parameters: {
            query?: never;
            header?: {
                /** @description 1 to 255 visible ASCII characters. A request that repeats a key gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CorrectTransfer"];
            };
        };
        responses: {
            /** @description The transfer back. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Correction"];
                };
            };
        };
    };
    listWalletUsers: {
        parameters: {
            query: {
                /** @description Case is ignored. */
                email: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of at most `limit` rows and 1 MiB. `next_cursor` fetches the next one; it is null on the last page. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["WalletProfile"][];
                        next_cursor: string | null;
                    };
                };
            };
        };
    };
    getWalletUser: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The user, with the wallet. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WalletProfile"];
                };
            };
        };
    };
    freezeWalletUser: {
        parameters: {
            query?: never;
            header?: {
                /** @description 1 to 255 visible ASCII characters. A request that repeats a key gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The user, with the wallet. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WalletProfile"];
                };
            };
        };
    };
    unfreezeWalletUser: {
        parameters: {
            query?: never;
            header?: {
                /** @description 1 to 255 visible ASCII characters. A request that repeats a key gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The user, with the wallet. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WalletProfile"];
                };
            };
        };
    };
    putWalletUserLimits: {
        parameters: {
            query?: never;
            header?: {
                /** @description 1 to 255 visible ASCII characters. A request that repeats a key gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["WalletLimits"];
            };
        };
        responses: {
            /** @description The user, with the wallet. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WalletProfile"];
                };
            };
        };
    };
    closeWalletUser: {
        parameters: {
            query?: never;
            header?: {
                /** @description 1 to 255 visible ASCII characters. A request that repeats a key gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The user, with the wallet. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WalletProfile"];
                };
            };
        };
    };
    listMonitors: {
        parameters: {
            query?: {
                limit?: number;
                /** @description The `next_cursor` of the previous page. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of at most `limit` rows and 1 MiB. `next_cursor` fetches the next one; it is null on the last page. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["Monitor"][];
                        next_cursor: string | null;
                    };
                };
            };
        };
    };
    createMonitor: {
        parameters: {
            query?: never;
            header?: {
                /** @description 1 to 255 visible ASCII characters. A request that repeats a key gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewMonitor"];
            };
        };
        responses: {
            /** @description The monitor. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Monitor"];
                };
            };
        };
    };
    getMonitor: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The monitor. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Monitor"];
                };
            };
        };
    };
    deleteMonitor: {
        parameters: {
            query?: never;
            header?: {
                /** @description 1 to 255 visible ASCII characters. A request that repeats a key gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Deleted. Its past events stay. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    listWebhooks: {
        parameters: {
            query?: {
                limit?: number;
                /** @description The `next_cursor` of the previous page. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of at most `limit` rows and 1 MiB. `next_cursor` fetches the next one; it is null on the last page. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["Webhook"][];
                        next_cursor: string | null;
                    };
                };
            };
        };
    };
    createWebhook: {
        parameters: {
            query?: never;
            header?: {
                /** @description 1 to 255 visible ASCII characters. A request that repeats a key gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewWebhook"];
            };
        };
        responses: {
            /** @description The webhook, with the secret that signs its events. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CreatedWebhook"];
                };
            };
        };
    };
    getWebhook: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The webhook. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Webhook"];
                };
            };
        };
    };
    deleteWebhook: {
        parameters: {
            query?: never;
            header?: {
                /** @description 1 to 255 visible ASCII characters. A request that repeats a key gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It is deleted. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    updateWebhook: {
        parameters: {
            query?: never;
            header?: {
                /** @description 1 to 255 visible ASCII characters. A request that repeats a key gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["WebhookPatch"];
            };
        };
        responses: {
            /** @description The webhook. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Webhook"];
                };
            };
        };
    };
    rotateWebhookSecret: {
        parameters: {
            query?: never;
            header?: {
                /** @description 1 to 255 visible ASCII characters. A request that repeats a key gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The new secret. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RotatedWebhookSecret"];
                };
            };
        };
    };
    replayWebhook: {
        parameters: {
            query?: never;
            header?: {
                /** @description 1 to 255 visible ASCII characters. A request that repeats a key gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["WebhookReplay"];
            };
        };
        responses: {
            /** @description The time from which events are sent. */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WebhookReplayStarted"];
                };
            };
        };
    };
    listWebhookDeliveries: {
        parameters: {
            query?: {
                /** @description `failed`: it will be tried again, and holds back later events of its subject. `parked`: it is not tried any more. */
                status?: "delivered" | "failed" | "parked";
                limit?: number;
                /** @description The `next_cursor` of the previous page. */
                cursor?: string;
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of at most `limit` rows and 1 MiB. `next_cursor` fetches the next one; it is null on the last page. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["WebhookDelivery"][];
                        next_cursor: string | null;
                    };
                };
            };
        };
    };
    testWebhook: {
        parameters: {
            query?: never;
            header?: {
                /** @description 1 to 255 visible ASCII characters. A request that repeats a key gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The id of the event. The list of deliveries shows what becomes of it. */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WebhookEventSent"];
                };
            };
        };
    };
    retryWebhookDelivery: {
        parameters: {
            query?: never;
            header?: {
                /** @description 1 to 255 visible ASCII characters. A request that repeats a key gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path: {
                id: string;
                delivery: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The id of the event. The list of deliveries shows what becomes of it. */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WebhookEventSent"];
                };
            };
        };
    };
    listEvents: {
        parameters: {
            query?: {
                /** @description Event types, separated by commas. */
                types?: string;
                /** @description Id of the event to continue after. */
                after?: string;
                limit?: number;
                /** @description Events about this account, member, voucher, … */
                subject?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Events, oldest first. `next_cursor` is null if there are no more at present. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["Event"][];
                        next_cursor: string | null;
                    };
                    "text/event-stream": string;
                };
            };
        };
    };
    getLoyaltyStatistics: {
        parameters: {
            query?: {
                /** @description Inclusive; 60 steps before `to` if absent. */
                from?: string;
                /** @description Exclusive; now if absent. */
                to?: string;
                step?: "1m" | "1h" | "1d";
                /** @description Hours and days begin in this IANA time zone. */
                time_zone?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The rows, oldest first. Moments after `complete_until` are left out. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: {
                            /** Format: date-time */
                            at: string;
                            outstanding: number;
                        }[];
                        /** Format: date-time */
                        complete_until: string | null;
                    };
                    "text/csv": string;
                };
            };
        };
    };
    getStatisticsLoyalty: {
        parameters: {
            query?: {
                /** @description Inclusive; 60 steps before `to` if absent. */
                from?: string;
                /** @description Exclusive; now if absent. */
                to?: string;
                step?: "1m" | "1h" | "1d";
                /** @description Hours and days begin in this IANA time zone. */
                time_zone?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The rows, oldest first. Moments after `complete_until` are left out. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: {
                            /** Format: date-time */
                            at: string;
                            outstanding: number;
                        }[];
                        /** Format: date-time */
                        complete_until: string | null;
                    };
                    "text/csv": string;
                };
            };
        };
    };
    listStatisticsVouchers: {
        parameters: {
            query?: {
                /** @description Inclusive; 60 steps before `to` if absent. */
                from?: string;
                /** @description Exclusive; now if absent. */
                to?: string;
                step?: "1m" | "1h" | "1d";
                /** @description Hours and days begin in this IANA time zone. */
                time_zone?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The rows, oldest first. Moments after `complete_until` are left out. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: {
                            /** Format: date-time */
                            at: string;
                            valid: number;
                            redeemed: number;
                            cancelled: number;
                            expired: number;
                        }[];
                        /** Format: date-time */
                        complete_until: string | null;
                    };
                    "text/csv": string;
                };
            };
        };
    };
    getStatisticsTopup: {
        parameters: {
            query?: {
                /** @description Inclusive; 60 steps before `to` if absent. */
                from?: string;
                /** @description Exclusive; now if absent. */
                to?: string;
                step?: "1m" | "1h" | "1d";
                /** @description Hours and days begin in this IANA time zone. */
                time_zone?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The rows, oldest first. Moments after `complete_until` are left out. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: {
                            /** Format: date-time */
                            at: string;
                            sales: number;
                            amount: number;
                            reverted_sales: number;
                            reverted_amount: number;
                        }[];
                        /** Format: date-time */
                        complete_until: string | null;
                    };
                    "text/csv": string;
                };
            };
        };
    };
    listStatisticsWallets: {
        parameters: {
            query?: {
                /** @description Inclusive; 60 steps before `to` if absent. */
                from?: string;
                /** @description Exclusive; now if absent. */
                to?: string;
                step?: "1m" | "1h" | "1d";
                /** @description Hours and days begin in this IANA time zone. */
                time_zone?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The rows, oldest first. Moments after `complete_until` are left out. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: {
                            /** Format: date-time */
                            at: string;
                            deposits: number;
                            deposited: number;
                            payments: number;
                            paid: number;
                            withdrawals: number;
                            withdrawn: number;
                        }[];
                        /** Format: date-time */
                        complete_until: string | null;
                    };
                    "text/csv": string;
                };
            };
        };
    };
    getHealth: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Alive. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @enum {string} */
                        status: "alive";
                    };
                };
            };
        };
    };
    getReadiness: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Ready. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @enum {string} */
                        status: "ready";
                        warnings: string[];
                    };
                };
            };
        };
    };
    getMetrics: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Prometheus text. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/plain": string;
                };
            };
        };
    };
    listShards: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The shards. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: components["schemas"]["Shard"][];
                    };
                };
            };
        };
    };
    restartShard: {
        parameters: {
            query?: never;
            header?: {
                /** @description 1 to 255 visible ASCII characters. A request that repeats a key gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path: {
                n: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The shard is restarting. */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        shard: number;
                        /** @enum {string} */
                        status: "restarting";
                    };
                };
            };
        };
    };
    takeSnapshots: {
        parameters: {
            query?: never;
            header?: {
                /** @description 1 to 255 visible ASCII characters. A request that repeats a key gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The snapshots have begun. */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @enum {string} */
                        status: "begun";
                    };
                };
            };
        };
    };
    getHome: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/html": string;
                };
            };
        };
    };
    getOpenApiDocument: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OpenAPI 3.1. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": Record<string, never>;
                };
            };
        };
    };
    getDocs: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/html": string;
                };
            };
        };
    };
    getDocsFile: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                file: "swagger-ui.css" | "swagger-ui-bundle.js" | "setup.js";
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A file. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/css": string;
                    "text/javascript": string;
                };
            };
        };
    };
    getProblem: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                code: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/html": string;
                };
            };
        };
    };
}
