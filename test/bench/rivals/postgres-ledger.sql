-- A ledger as one builds it on PostgreSQL: a row for an account, a row for a transfer, functions that move amounts.
-- There are no idempotency keys here and no index for statements, which would cost it more.

-- Room in each page lets an update stay beside the row it replaces, and leave the index alone.
CREATE TABLE accounts (
  id text PRIMARY KEY,
  posted bigint NOT NULL,
  floor bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);

CREATE TABLE transfers (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  debit_account text NOT NULL,
  credit_account text NOT NULL,
  amount bigint NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);

-- Rows are locked in the order of their ids, so that two transfers never wait for one another in a circle.
CREATE FUNCTION transfer(
  debit text, credit text, amount bigint,
  OUT code text, OUT transfer_id bigint, OUT debit_posted bigint, OUT credit_posted bigint
) LANGUAGE plpgsql AS $$
DECLARE
  account accounts;
  floor bigint;
BEGIN
  FOR account IN SELECT * FROM accounts WHERE id IN (debit, credit) ORDER BY id FOR UPDATE LOOP
    IF account.id = debit THEN
      debit_posted := account.posted;
      floor := account.floor;
    ELSE
      credit_posted := account.posted;
    END IF;
  END LOOP;
  IF debit_posted IS NULL OR credit_posted IS NULL THEN
    code := 'account_not_found';
    RETURN;
  END IF;
  IF debit_posted - amount < floor THEN
    code := 'insufficient_funds';
    RETURN;
  END IF;
  UPDATE accounts SET posted = posted - amount WHERE id = debit RETURNING posted INTO debit_posted;
  UPDATE accounts SET posted = posted + amount WHERE id = credit RETURNING posted INTO credit_posted;
  INSERT INTO transfers (debit_account, credit_account, amount) VALUES (debit, credit, amount)
    RETURNING id INTO transfer_id;
END
$$;

-- Items are independent, and done one after the other.
CREATE FUNCTION transfer_each(debits text[], credits text[], amounts bigint[])
RETURNS TABLE (code text, transfer_id bigint) LANGUAGE plpgsql AS $$
BEGIN
  PERFORM FROM accounts WHERE id = ANY (debits || credits) ORDER BY id FOR UPDATE;
  FOR i IN 1 .. cardinality(debits) LOOP
    RETURN QUERY SELECT done.code, done.transfer_id FROM transfer(debits[i], credits[i], amounts[i]) AS done;
  END LOOP;
END
$$;

-- The same, but at once where all items are sure to pass whatever their order: one update for each account and one
-- insert for all. Else nothing of that remains.
CREATE FUNCTION transfer_batch(debits text[], credits text[], amounts bigint[])
RETURNS TABLE (code text, transfer_id bigint) LANGUAGE plpgsql AS $$
DECLARE
  whole boolean;
BEGIN
  PERFORM FROM accounts WHERE id = ANY (debits || credits) ORDER BY id FOR UPDATE;
  WITH moves AS MATERIALIZED (
    SELECT id, sum(net)::bigint AS net, sum(spent)::bigint AS spent FROM (
      SELECT id, -amount AS net, amount AS spent FROM unnest(debits, amounts) AS debit (id, amount)
      UNION ALL
      SELECT id, amount, 0 FROM unnest(credits, amounts) AS credit (id, amount)
    ) AS each GROUP BY id
  ), moved AS (
    UPDATE accounts SET posted = posted + net FROM moves
    WHERE accounts.id = moves.id AND posted - spent >= floor
    RETURNING 1
  )
  SELECT (SELECT count(*) FROM moved) = (SELECT count(*) FROM moves) INTO whole;
  IF NOT whole THEN
    RAISE EXCEPTION USING ERRCODE = 'P0D01';
  END IF;
  RETURN QUERY
    INSERT INTO transfers (debit_account, credit_account, amount)
    SELECT * FROM unnest(debits, credits, amounts)
    RETURNING NULL::text, id;
EXCEPTION WHEN SQLSTATE 'P0D01' THEN
  RETURN QUERY SELECT * FROM transfer_each(debits, credits, amounts);
END
$$;
