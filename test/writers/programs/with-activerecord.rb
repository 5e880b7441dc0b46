# Writes messages with ActiveRecord: one model that writes what changed, one that writes every column.
require 'json'
require 'active_record'

given = JSON.parse(ARGV[0])
ActiveRecord::Base.establish_connection(adapter: 'sqlite3', database: given['path'], timeout: 5000)

class Small < ActiveRecord::Base
  self.table_name = 'messages'
  self.inheritance_column = :none # `type` is a column of ours
end

class Whole < Small
  self.table_name = 'messages'
  self.partial_writes = false
end

def attempt
  yield
  nil
rescue ActiveRecord::StatementInvalid => e
  e.message
end

small = Small.create!(given['small'])
whole = Whole.create!(given['whole'])
names = given['bulk'].flat_map(&:keys).uniq
Small.insert_all!(given['bulk'].map { |row| names.to_h { |name| [name, row[name]] } })
2.times { Small.upsert(given['keyed'], unique_by: :idempotency_key) }
[small, whole].each { |message| message.update!(reference: 'changed') }
puts JSON.generate(small: small.id, whole: whole.id)
$stdout.flush

$stdin.gets
puts JSON.generate(
  small: attempt { small.update!(reference: 'changed again') },
  stale: attempt { whole.update!(reference: 'stale') },
  fresh: attempt { Whole.find(whole.id).update!(reference: 'fresh') }
)
